import { Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, unwrap } from '~/api/client';
import { session } from '~/auth/session';
import { TextLink } from '~/ui/links';
import { ProblemAlert } from '~/ui/ProblemAlert';
import { usePageTitle } from '~/ui/page-title';
import { AuthCard } from './AuthCard';
import { useLeaveWhenSignedIn } from './use-signed-in';
import { looksLikeEmail } from './validate';

export function LoginPage({ next }: { next: string }) {
  const { t } = useTranslation();
  usePageTitle(t('auth.login_title'));
  useLeaveWhenSignedIn(next);
  const form = useForm({
    mode: 'uncontrolled',
    initialValues: { email: '', password: '' },
    validate: {
      email: (value) => (looksLikeEmail(value) ? null : t('auth.email_invalid')),
      password: (value) => (value ? null : t('auth.password_required')),
    },
  });
  const login = useMutation({
    mutationFn: (body: { email: string; password: string }) =>
      unwrap(api.POST('/api/v1/auth/login', { body })),
    onSuccess: (answer) => session.accept(answer),
  });

  return (
    <AuthCard
      title={t('auth.login_title')}
      lead={t('auth.login_lead')}
      footer={
        <>
          {t('auth.no_account')}{' '}
          <TextLink underline="always" to="/register" search={next === '/' ? {} : { next }}>
            {t('nav.register')}
          </TextLink>
        </>
      }
    >
      <form
        noValidate
        onSubmit={form.onSubmit((values) =>
          login.mutate({ ...values, email: values.email.trim() }),
        )}
      >
        <Stack>
          {login.error && <ProblemAlert problem={login.error} />}
          <TextInput
            key={form.key('email')}
            {...form.getInputProps('email')}
            label={t('auth.email')}
            type="email"
            name="email"
            autoComplete="username"
            required
            withAsterisk={false}
          />
          <PasswordInput
            key={form.key('password')}
            {...form.getInputProps('password')}
            label={t('auth.password')}
            visibilityToggleButtonProps={{ 'aria-label': t('auth.show_password') }}
            name="password"
            autoComplete="current-password"
            required
            withAsterisk={false}
          />
          <Button type="submit" size="md" loading={login.isPending}>
            {t('nav.sign_in')}
          </Button>
        </Stack>
      </form>
    </AuthCard>
  );
}
