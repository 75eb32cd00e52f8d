import type { VolumeFs } from '../../../src/volume/file-system.ts';

/** The file system with `around` at each of its calls. What stands for several calls is made of single ones. */
export function eachCall(inner: VolumeFs, around: (name: string, call: () => unknown) => unknown): VolumeFs {
  return new Proxy(inner, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      if (name === 'unlinkAll') {
        return (paths: readonly string[]) => {
          for (const path of paths) around('unlink', () => target.unlinkAll([path]));
        };
      }
      return (...args: unknown[]) => around(String(name), () => Reflect.apply(member, target, args));
    },
  });
}
