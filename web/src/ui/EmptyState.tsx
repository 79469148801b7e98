import { Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import classes from './EmptyState.module.css';

/** Says what belongs here, why it is missing, and offers the one thing to do about it. */
export function EmptyState({
  icon,
  title,
  text,
  action,
  headingOrder = 2,
}: {
  icon?: ReactNode;
  title: string;
  text?: string;
  action?: ReactNode;
  headingOrder?: 1 | 2 | 3;
}) {
  return (
    <Stack align="center" gap="xs" className={classes.root}>
      {icon && <div className={classes.icon}>{icon}</div>}
      <Title order={headingOrder} size="h2" ta="center">
        {title}
      </Title>
      {text && (
        <Text c="dimmed" ta="center" maw="34rem">
          {text}
        </Text>
      )}
      {action && <div className={classes.action}>{action}</div>}
    </Stack>
  );
}
