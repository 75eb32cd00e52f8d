/** Everything behind a paged list call: asks again with each answer's token until there is none. */
export async function allPages<Page extends { readonly nextPageToken: string }, Item>(
  fetchPage: (pageToken: string) => Promise<Page>,
  itemsOf: (page: Page) => readonly Item[],
): Promise<Item[]> {
  const items: Item[] = [];
  let token = '';
  do {
    const page = await fetchPage(token);
    items.push(...itemsOf(page));
    token = page.nextPageToken;
  } while (token !== '');
  return items;
}
