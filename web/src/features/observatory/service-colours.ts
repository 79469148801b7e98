import { PALETTE_NAMES, type PaletteName } from '~/service-palette';

/** For a service that no list named. */
export const UNNAMED_COLOUR = 'var(--text-dim)';

const DATABASE = /-db$/;

/** A database is named after the service that owns it, and drawn in its colour, in outline. */
export const isDatabase = (name: string): boolean => DATABASE.test(name);

/**
 * A colour for each service, the same on the map and in every waterfall. What is not a part of the platform takes the
 * colours that none of its neighbours has; the name stands beside it everywhere.
 */
export function serviceColours(names: readonly string[]): Map<string, string> {
  const owners = [...new Set(names.map((name) => name.replace(DATABASE, '')))];
  const free = PALETTE_NAMES.filter((name) => !owners.includes(name));
  const spare = free.length > 0 ? free : PALETTE_NAMES;
  const strangers = owners.filter((owner) => !isPart(owner));
  const colourOf = (owner: string): string => {
    const part = isPart(owner) ? owner : spare[strangers.indexOf(owner) % spare.length];
    return `var(--service-${part})`;
  };
  return new Map(names.map((name) => [name, colourOf(name.replace(DATABASE, ''))]));
}

const isPart = (name: string): name is PaletteName =>
  (PALETTE_NAMES as readonly string[]).includes(name);
