import { describe, expect, it } from 'vitest';
import { isDatabase, serviceColours } from './service-colours';

const PLATFORM = ['browser', 'gateway', 'identity', 'catalog', 'media', 'encoder', 'playback'];

describe('the colour of a service', () => {
  it('is its own among all parts of the platform', () => {
    const names = [...PLATFORM, 'observatory', 'storage'];
    expect(new Set(serviceColours(names).values()).size).toBe(names.length);
  });

  it('is the same in every trace and on the map', () => {
    expect(serviceColours(['storage', 'media']).get('media')).toBe(
      serviceColours(PLATFORM).get('media'),
    );
  });

  it('is that of its owner for a database, which is drawn in outline', () => {
    const colours = serviceColours(['media', 'media-db', 'billing', 'billing-db']);
    expect(colours.get('media-db')).toBe(colours.get('media'));
    expect(colours.get('billing-db')).toBe(colours.get('billing'));
    expect([isDatabase('media-db'), isDatabase('media')]).toEqual([true, false]);
  });

  it('is one that no neighbour has for services of somebody else, as long as there are any', () => {
    const names = ['gateway', 'media', 'billing', 'search', 'mail'];
    expect(new Set(serviceColours(names).values()).size).toBe(names.length);
    const many = Array.from({ length: 30 }, (_, index) => `service-${index}`);
    for (const colour of serviceColours(many).values())
      expect(colour).toMatch(/^var\(--service-[a-z]+\)$/);
  });
});
