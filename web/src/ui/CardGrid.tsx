import type { ReactNode } from 'react';
import classes from './CardGrid.module.css';
import { CardSkeleton } from './Rail';

export function CardGrid({ children }: { children: ReactNode }) {
  return <div className={classes.grid}>{children}</div>;
}

export function CardGridSkeleton() {
  return (
    <div className={classes.grid} aria-hidden>
      {[0, 1, 2, 3, 4, 5, 6, 7].map((index) => (
        <CardSkeleton key={index} />
      ))}
    </div>
  );
}
