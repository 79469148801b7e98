import { Paper, Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { Logo } from '~/ui/Logo';
import classes from './AuthCard.module.css';

export function AuthCard({
  title,
  lead,
  children,
  footer,
}: {
  title: string;
  lead: string;
  children: ReactNode;
  footer: ReactNode;
}) {
  return (
    <div className={classes.stage}>
      <Paper className={classes.card}>
        <Stack gap="xs" mb="lg">
          <Logo size={40} />
          <Title order={1}>{title}</Title>
          <Text c="dimmed">{lead}</Text>
        </Stack>
        {children}
        <Text size="sm" mt="lg" c="dimmed" component="div">
          {footer}
        </Text>
      </Paper>
    </div>
  );
}
