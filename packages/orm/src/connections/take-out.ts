/** Takes an item out of a list, and says whether it was there. */
export function takeOut<Item>(list: Item[], item: Item): boolean {
  const at = list.indexOf(item);
  if (at !== -1) list.splice(at, 1);
  return at !== -1;
}
