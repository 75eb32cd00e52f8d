const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
] as const;

/** Like `5m`, in the unit that fits. Times in milliseconds. */
export function ageOf(time: number, now: number): string {
  const seconds = Math.max(0, Math.floor((now - time) / 1000));
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? ['s', 1];
  return `${Math.floor(seconds / size)}${unit}`;
}

export function agoOf(time: number, now: number): string {
  return now - time < 1000 ? 'now' : `${ageOf(time, now)} ago`;
}

/** In the reader's time zone. */
export function timeOf(time: number): string {
  return new Date(time).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
}

const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function sizeOf(bytes: number): string {
  let [size, unit] = [bytes, 0];
  while (size >= 1024 && unit < SIZES.length - 1) [size, unit] = [size / 1024, unit + 1];
  return `${size >= 100 || unit === 0 ? Math.round(size) : size.toFixed(1)} ${SIZES[unit]}`;
}

export function count(number: number, one: string): string {
  return `${number.toLocaleString('en')} ${one}${number === 1 ? '' : 's'}`;
}

export function percent(ratio: number): string {
  return `${Math.round(ratio * 100)} %`;
}
