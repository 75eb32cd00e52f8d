import fc from 'fast-check';

/** Texts that YAML readers have misread, refused or changed; for values and for keys. */
const PIECES = [
  [' ', '  ', '\t', '\n', '\n\n', '\r', '\r\n', '\u00A0'],
  ['\0', '\x1B', '\x7F', '\x80', '\x85', '\x9F', '\u2028', '\u2029', '\uFEFF', '\uFFFE', '\uFFFF', '\uFFFD', '\u202E'],
  [
    '-',
    '+',
    '.',
    '_',
    ':',
    '#',
    ',',
    '?',
    '!',
    '&',
    '*',
    '|',
    '>',
    '%',
    '@',
    '`',
    '"',
    "'",
    '\\',
    '{',
    '}',
    '[',
    ']',
    '=',
  ],
  ['~', '<<', '---', '...', ': ', ' #', '- '],
  ['0', '1', '7', '8', '0o7', '0O17', '0X1f', '0B11', '0o_7', '0x', 'e', 'E', '1e3', '123e456', '.inf', '.nan', 'inf'],
  ['yes', 'y', 'n', 'null', 'true', 'No', '12:30', '2001-12-14', 'T', 'Z'],
  ['é', '😀', '\u{1FFFE}', '\u200D', 'a', 'x', '\n  x'],
];

const piece = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...PIECES.flat()) },
  // Half of a surrogate pair is not a character: UTF-8 cannot contain it.
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 2 }).map((text) => text.replace(/\p{Cs}/gu, '')) },
);
const lines = fc.array(fc.constantFrom('a', ' ', '\n', '\n', '\t', '  x', '# c', '---', '...', 'b: c', '- d'), {
  maxLength: 8,
});

/** A text that is hard to print. */
export const hardText = fc.oneof(fc.array(piece, { maxLength: 6 }), lines).map((pieces) => pieces.join(''));

/** Values with such texts, as keys too. */
export const hardValue = fc.oneof(
  hardText,
  fc.array(fc.oneof(hardText, fc.array(hardText, { maxLength: 2 })), { maxLength: 3 }),
  fc.dictionary(
    hardText,
    fc.oneof(
      hardText,
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.array(hardText, { maxLength: 2 }),
      fc.dictionary(hardText, hardText, { maxKeys: 2 }),
    ),
    { maxKeys: 3 },
  ),
);

const NUMBER_PIECES = [
  ['0', '1', '7', '9', '0x', '0X', '0b', '0B', '0o', '0O', '_', '.', '+', '-', 'e', 'E', 'f', 'F', ':'],
  ['9007199254740993', '9223372036854775808', '18446744073709551616', '1e400', 'y', 'T', 'yes', '~', '='],
];

/** Texts that are almost numbers, or only just numbers; never a key. */
export const numberLike = fc
  .array(fc.constantFrom(...NUMBER_PIECES.flat()), { minLength: 1, maxLength: 5 })
  .map((pieces) => pieces.join(''))
  .filter((text) => !text.endsWith(':'));
