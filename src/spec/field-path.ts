/** A parsed downward API fieldPath. */
export type FieldPath =
  | { readonly kind: 'name' | 'namespace' | 'uid' | 'labels' | 'annotations' }
  | { readonly kind: 'label' | 'annotation'; readonly key: string };
