import * as v from 'valibot';

/** An error (RFC 9457). `code` is one of omnitenant's codes, or of this API's own. */
export const Problem = v.object({
  type: v.string(),
  title: v.string(),
  status: v.number(),
  code: v.string(),
  detail: v.optional(v.string()),
  /** What is wrong with the input, by its place in it. */
  issues: v.optional(v.array(v.object({ path: v.string(), message: v.string() }))),
});

export type Problem = v.InferOutput<typeof Problem>;
