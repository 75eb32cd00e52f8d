import fc from 'fast-check';
import { expect, test } from 'vitest';
import { byteOrder } from '../../../src/payload/payload.ts';
import { VolumeOrder } from '../../../src/projection/volume-order.ts';

class NamedVolume {
  isMounted = false;
  nameReads = 0;
  #name = '';

  get name(): string {
    this.nameReads += 1;
    return this.#name;
  }

  set name(name: string) {
    this.#name = name;
  }
}

// UTF-16 has the last two the other way round.
const name = fc.oneof(fc.constantFrom('', 'a', 'b', '\u{1F600}', '\uFF5E'), fc.string({ maxLength: 3 }));
const change = fc.record({ at: fc.nat(39), name, isMounted: fc.boolean(), isRead: fc.boolean(), from: name });

test('whatever changes between readings, the mounted volumes are there in byte order', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 200 }), (changes) => {
      const volumes = Array.from({ length: 40 }, () => new NamedVolume());
      const order = new VolumeOrder<NamedVolume>();
      for (const { at, name, isMounted, isRead, from } of changes) {
        const volume = volumes[at];
        // No two volumes have the same name.
        if (volume === undefined) continue;
        volume.name = `${name} ${at}`;
        volume.isMounted = isMounted;
        order.changed(volume);
        if (!isRead) continue;
        const names = volumes.filter((each) => each.isMounted).map((each) => each.name);
        names.sort(byteOrder);
        expect(order.all.map((each) => each.name)).toEqual(names);
        const after = names.filter((each) => byteOrder(each, from) > 0);
        expect([...order.after(from)].map((each) => each.name)).toEqual(after);
      }
    }),
  );
});

test('a change and a page look at few of many volumes', () => {
  const volumes = Array.from({ length: 1_000 }, () => new NamedVolume());
  const order = new VolumeOrder<NamedVolume>();
  for (const [index, volume] of volumes.entries()) {
    volume.name = String(index).padStart(4, '0');
    volume.isMounted = true;
    order.changed(volume);
  }
  expect(order.all).toEqual(volumes);
  for (const volume of volumes) volume.nameReads = 0;
  const [first, second] = volumes;
  for (const volume of [first, second]) {
    if (volume === undefined) continue;
    volume.isMounted = false;
    order.changed(volume);
    const [next] = order.after('0500');
    expect(next).toBe(volumes[501]);
  }
  expect(volumes.reduce((sum, { nameReads }) => sum + nameReads, 0)).toBeLessThan(5);
});

test('a reading that has begun goes on as it was', () => {
  const [one, two] = [new NamedVolume(), new NamedVolume()];
  const order = new VolumeOrder<NamedVolume>();
  for (const volume of [one, two]) {
    volume.name = volume === one ? 'one' : 'two';
    volume.isMounted = true;
    order.changed(volume);
  }
  const reading = order.after('')[Symbol.iterator]();
  expect(reading.next().value).toBe(one);
  two.isMounted = false;
  order.changed(two);
  expect(order.all).toEqual([one]);
  expect(reading.next().value).toBe(two);
});
