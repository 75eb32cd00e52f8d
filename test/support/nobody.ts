/** The user without rights, and its group, on every distribution that has one; no entry in /etc/passwd is needed. */
export const NOBODY = 65_534;
