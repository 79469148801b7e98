import type { ErrorComponentProps } from '@tanstack/react-router';
import { ProblemPage } from '~/ui/ProblemPage';

export function RouteError({ error, reset }: ErrorComponentProps) {
  return (
    <ProblemPage
      problem={error instanceof Error ? error : new Error(String(error))}
      onRetry={reset}
    />
  );
}
