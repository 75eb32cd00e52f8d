// Loaded while the process may still read the work tree, which can lie below a private home: what is native, and what
// is CommonJS, whose files are read only when it is evaluated.
import 'koffi';
import 'yaml';
import { NOBODY } from './privileges.ts';

// On import, since other modules ask for the user as soon as they are evaluated: import this one first.
if (process.geteuid?.() === 0) {
  process.setgroups?.([]);
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
}
