import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseMountinfo } from '../../../../src/mount/linux/mount-table.ts';

const LINE = '36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue';

describe('parseMountinfo', () => {
  test('reads every field of the line in proc_pid_mountinfo(5)', () => {
    expect(parseMountinfo(LINE)).toEqual([
      {
        id: 36,
        parentId: 35,
        device: '98:0',
        root: '/mnt1',
        mountPoint: '/mnt2',
        options: ['rw', 'noatime'],
        propagation: ['master:1'],
        fileSystem: 'ext3',
        source: '/dev/root',
        superOptions: ['rw', 'errors=continue'],
      },
    ]);
  });

  test.each([
    ['no optional field', '1 2 0:3 / /a rw - tmpfs lantern rw', []],
    ['two', '1 2 0:3 / /a rw shared:7 master:1 - tmpfs lantern rw', ['shared:7', 'master:1']],
    ['one without a value', '1 2 0:3 / /a rw unbindable - tmpfs lantern rw', ['unbindable']],
  ])('propagation: %s', (_, line, propagation) => {
    expect(parseMountinfo(line)[0]).toMatchObject({ propagation, fileSystem: 'tmpfs', source: 'lantern' });
  });

  test('unescapes octal digits in paths, also those that look like the separator', () => {
    const [mount] = parseMountinfo('1 2 0:3 /a\\040b /x\\011y\\012z\\134\\043\\040-\\040 rw - tmpfs lan\\040tern rw');
    expect(mount).toMatchObject({ root: '/a b', mountPoint: '/x\ty\nz\\# - ', source: 'lan tern' });
  });

  test('an empty source stays empty', () => {
    expect(parseMountinfo('1 2 0:3 / /a rw - tmpfs  rw')[0]).toMatchObject({ source: '', superOptions: ['rw'] });
  });

  test.each([
    '',
    'garbage',
    '1 2 0:3 / /a rw',
    '1 2 0:3 / /a rw - tmpfs',
    'x 2 0:3 / /a rw - tmpfs s rw',
    '1 2 03 / /a rw - t s rw',
  ])('leaves out the malformed line %j and reads the others', (line) => {
    expect(parseMountinfo(`${LINE}\n${line}\n${LINE}\n`)).toHaveLength(2);
  });

  test('any path survives the kernel’s escaping', () => {
    const escaped = (path: string) =>
      path.replace(/[ \t\n\\#]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`);
    const path = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\0'));
    fc.assert(
      fc.property(path, path, (root, mountPoint) => {
        const line = `1 2 0:3 /${escaped(root)} /${escaped(mountPoint)} rw shared:1 - tmpfs lantern rw`;
        expect(parseMountinfo(line)[0]).toMatchObject({ root: `/${root}`, mountPoint: `/${mountPoint}` });
      }),
    );
  });
});
