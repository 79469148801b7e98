import { ActionIcon, Group, Skeleton, Title } from '@mantine/core';
import { IconChevronLeft, IconChevronRight } from '@tabler/icons-react';
import { type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import classes from './Rail.module.css';

/** One row of cards that scrolls sideways by touch, wheel, keyboard or its two buttons. */
export function Rail({
  title,
  more,
  children,
}: {
  title: string;
  more?: ReactNode;
  children: ReactNode;
}) {
  const { t } = useTranslation();
  const headingId = useId();
  const track = useRef<HTMLUListElement>(null);
  const [ends, setEnds] = useState({ back: false, on: false });

  useEffect(() => {
    const element = track.current;
    if (!element) return;
    const measure = () => {
      setEnds({
        back: element.scrollLeft > 4,
        on: element.scrollLeft + element.clientWidth < element.scrollWidth - 4,
      });
    };
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener('scroll', measure, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', measure);
    };
  }, []);

  const scroll = (direction: -1 | 1) => {
    const element = track.current;
    element?.scrollBy({ left: direction * element.clientWidth * 0.85, behavior: 'smooth' });
  };

  return (
    <section aria-labelledby={headingId} className={classes.rail}>
      <Group justify="space-between" mb="xs" wrap="nowrap">
        <Title order={2} id={headingId}>
          {title}
        </Title>
        <Group gap={4} wrap="nowrap">
          {more && <span className={classes.more}>{more}</span>}
          {(ends.back || ends.on) && (
            <Group gap={0} wrap="nowrap" visibleFrom="sm">
              <ActionIcon
                aria-label={t('home.scroll_back')}
                disabled={!ends.back}
                className={classes.arrow}
                onClick={() => scroll(-1)}
              >
                <IconChevronLeft size={20} aria-hidden />
              </ActionIcon>
              <ActionIcon
                aria-label={t('home.scroll_on')}
                disabled={!ends.on}
                className={classes.arrow}
                onClick={() => scroll(1)}
              >
                <IconChevronRight size={20} aria-hidden />
              </ActionIcon>
            </Group>
          )}
        </Group>
      </Group>
      <ul ref={track} className={classes.track}>
        {children}
      </ul>
    </section>
  );
}

export function RailItem({ children }: { children: ReactNode }) {
  return <li className={classes.item}>{children}</li>;
}

export function RailSkeleton() {
  return (
    <div className={classes.rail} aria-hidden>
      <Skeleton h={24} w={180} mb="md" />
      <div className={classes.track}>
        {[0, 1, 2, 3, 4].map((index) => (
          <div key={index} className={classes.item}>
            <CardSkeleton />
          </div>
        ))}
      </div>
    </div>
  );
}

export function CardSkeleton() {
  return (
    <div>
      <Skeleton radius={10} style={{ aspectRatio: '16 / 9' }} h="auto" />
      <Skeleton h={16} w="80%" mt={12} />
      <Skeleton h={12} w="45%" mt={8} />
    </div>
  );
}
