import { Anchor, type AnchorProps, Button, type ButtonProps } from '@mantine/core';
import { createLink } from '@tanstack/react-router';
import { type ComponentPropsWithRef, forwardRef } from 'react';

/** Mantine's looks on the router's typed links. */
export const ButtonLink = createLink(
  forwardRef<HTMLAnchorElement, ButtonProps & Omit<ComponentPropsWithRef<'a'>, keyof ButtonProps>>(
    (props, ref) => <Button component="a" ref={ref} {...props} />,
  ),
);

export const TextLink = createLink(
  forwardRef<HTMLAnchorElement, AnchorProps & Omit<ComponentPropsWithRef<'a'>, keyof AnchorProps>>(
    (props, ref) => <Anchor ref={ref} {...props} />,
  ),
);
