import { Alert, Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, unwrap } from '~/api/client';
import { ProblemError } from '~/api/problem';
import { aboutQuery } from '~/api/queries';
import { session } from '~/auth/session';
import { TextLink } from '~/ui/links';
import { ProblemAlert } from '~/ui/ProblemAlert';
import { usePageTitle } from '~/ui/page-title';
import { AuthCard } from './AuthCard';
import { useLeaveWhenSignedIn } from './use-signed-in';
import { looksLikeEmail, PASSWORD_MIN_CHARS } from './validate';

interface Registration {
  name: string;
  email: string;
  password: string;
}

export function RegisterPage({ next }: { next: string }) {
  const { t } = useTranslation();
  usePageTitle(t('auth.register_title'));
  useLeaveWhenSignedIn(next);
  const about = useQuery(aboutQuery());
  const closed = about.data?.registration_open === false;
  const form = useForm<Registration>({
    mode: 'uncontrolled',
    initialValues: { name: '', email: '', password: '' },
    validate: {
      name: (value) => (value.trim() ? null : t('auth.name_required')),
      email: (value) => (looksLikeEmail(value) ? null : t('auth.email_invalid')),
      password: (value) => (value.length >= PASSWORD_MIN_CHARS ? null : t('auth.password_short')),
    },
  });
  const register = useMutation({
    mutationFn: (body: Registration) => unwrap(api.POST('/api/v1/auth/register', { body })),
    onSuccess: (answer) => session.accept(answer),
    onError: (error) => {
      if (!(error instanceof ProblemError)) return;
      for (const name of ['name', 'email', 'password'] as const) {
        const detail = error.fieldDetail(name);
        if (detail) form.setFieldError(name, detail);
      }
    },
  });

  return (
    <AuthCard
      title={t('auth.register_title')}
      lead={t('auth.register_lead')}
      footer={
        <>
          {t('auth.have_account')}{' '}
          <TextLink underline="always" to="/login" search={next === '/' ? {} : { next }}>
            {t('nav.sign_in')}
          </TextLink>
        </>
      }
    >
      {closed ? (
        <Alert color="ember" variant="light">
          {t('auth.registration_closed')}
        </Alert>
      ) : (
        <form
          noValidate
          onSubmit={form.onSubmit((values) =>
            register.mutate({ ...values, name: values.name.trim(), email: values.email.trim() }),
          )}
        >
          <Stack>
            {register.error && <ProblemAlert problem={register.error} />}
            <TextInput
              key={form.key('name')}
              {...form.getInputProps('name')}
              label={t('auth.name')}
              name="name"
              autoComplete="name"
              required
              withAsterisk={false}
            />
            <TextInput
              key={form.key('email')}
              {...form.getInputProps('email')}
              label={t('auth.email')}
              type="email"
              name="email"
              autoComplete="email"
              required
              withAsterisk={false}
            />
            <PasswordInput
              key={form.key('password')}
              {...form.getInputProps('password')}
              label={t('auth.password')}
              visibilityToggleButtonProps={{ 'aria-label': t('auth.show_password') }}
              description={t('auth.password_hint')}
              name="password"
              autoComplete="new-password"
              required
              withAsterisk={false}
            />
            <Button type="submit" size="md" loading={register.isPending}>
              {t('nav.register')}
            </Button>
          </Stack>
        </form>
      )}
    </AuthCard>
  );
}
