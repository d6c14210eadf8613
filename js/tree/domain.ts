/** The steps that the tree shows before anyone zooms. Pure. */

/** The view is refitted when the tip has come this near to its end. */
const FULL = 0.98;

/** 1, 1.25, 1.6, 2, 2.5, 3.2, 4, 5, 6.4, 8 times a power of ten: the next one up. */
export function niceEnd(step: number): number {
  const least = Math.max(step, 20);
  const power = 10 ** Math.floor(Math.log10(least));
  const factor = [1, 1.25, 1.6, 2, 2.5, 3.2, 4, 5, 6.4, 8, 10].find((f) => f * power >= least * 1.04);
  return Math.ceil((factor ?? 12.5) * power);
}

/**
 * The last step of the fitted view. It stays while the tip is inside, so that a step of training
 * moves the head and nothing else, and shrinks only when a tree became much smaller.
 */
export function fittedEnd(current: number, tip: number): number {
  const wanted = niceEnd(tip);
  if (tip > current * FULL || wanted < current / 2) return wanted;
  return current;
}
