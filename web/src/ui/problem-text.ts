import { useTranslation } from 'react-i18next';
import { ProblemError } from '~/api/problem';

const WORDED = [
  'network_unreachable',
  'invalid_credentials',
  'email_taken',
  'too_many_attempts',
  'not_found',
  'forbidden',
  'unauthenticated',
  'video_not_viewable',
  'sign_in_delayed',
] as const;

type Worded = (typeof WORDED)[number];

const isWorded = (code: string): code is Worded => (WORDED as readonly string[]).includes(code);

/** Our own words for the codes we know, the server's for the rest. */
export function useProblemText(problem: Error): string {
  const { t } = useTranslation();
  if (!(problem instanceof ProblemError)) return problem.message;
  if (isWorded(problem.code)) return t(`problem.${problem.code}`);
  return problem.detail || t('problem.unknown');
}
