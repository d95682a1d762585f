import type { NativeDatabase } from './native.ts';

/** The functions and virtual tables of better-sqlite3 and libsql that open no file and run no text. */
const known: ReadonlySet<string> = new Set(
  [
    '-> ->>',
    'abs acos acosh asin asinh atan atan2 atanh atn2 avg bm25 carray ceil ceiling changes char charindex coalesce',
    'concat concat_ws cos cosh cot coth count cume_dist current_date current_time current_timestamp date datetime',
    'dbstat degrees dense_rank difference exp first_value floor format fts3 fts3_tokenizer fts3tokenize fts4',
    'fts4aux fts5 fts5_get_locale fts5_insttoken fts5_locale fts5_source_id fts5vocab generate_series geopoly',
    'geopoly_area geopoly_bbox geopoly_blob geopoly_ccw geopoly_contains_point geopoly_debug geopoly_group_bbox',
    'geopoly_json geopoly_overlap geopoly_regular geopoly_svg geopoly_within geopoly_xform glob group_concat hex',
    'highlight if ifnull iif instr json json_array json_array_insert json_array_length json_each',
    'json_error_position json_extract json_group_array json_group_object json_insert json_object json_patch',
    'json_pretty json_quote json_remove json_replace json_set json_tree json_type json_valid jsonb jsonb_array',
    'jsonb_array_insert jsonb_extract jsonb_group_array jsonb_group_object jsonb_insert jsonb_object jsonb_patch',
    'jsonb_remove jsonb_replace jsonb_set julianday lag last_insert_rowid last_rows_affected last_value lead',
    'leftstr length libsql_vector_idx like likelihood likely ln load_extension log log10 log2 lower lower_quartile',
    'lsmode ltrim match matchinfo max median min mod mode nth_value ntile nullif octet_length offsets optimize padc',
    'padl padr percent_rank percentile percentile_cont percentile_disc pi pow power printf proper quote radians',
    'random randomblob rank regexp regexpi replace replicate reverse rightstr round row_number rtree rtree_i32',
    'rtreecheck rtreedepth rtreenode rtrim sha3 sign sin sinh snippet soundex sqlite3mc_codec_data sqlite3mc_config',
    'sqlite3mc_config_table sqlite3mc_version sqlite_compileoption_get sqlite_compileoption_used sqlite_crypt',
    'sqlite_log sqlite_source_id sqlite_stmt sqlite_version sqrt square stdev strfilter strftime string_agg substr',
    'substring subtype sum tan tanh time timediff total total_changes trim trunc typeof unhex unicode unistr',
    'unistr_quote unixepoch unlikely upper upper_quartile uuid uuid_blob uuid_str variance vector vector16',
    'vector1bit vector32 vector64 vector8 vector_distance_cos vector_distance_l2 vector_extract vector_top_k',
    'vectorb16 zeroblob',
  ].flatMap((names) => names.split(' ')),
);

/** Those that are refused by their names: they read and write files, run a text, or show the pages that a schema is written in. */
const refused: ReadonlySet<string> = new Set(['readfile', 'writefile', 'fsdir', 'sha3_query', 'sqlite_dbpage']);

/**
 * The names of functions and virtual tables of a library that nobody has looked at, as a new build may bring them; `undefined` where there are
 * none. One of them might open a file, so that statements must not use them.
 */
export function unknownNames(database: NativeDatabase): RegExp | undefined {
  const names = ['function_list', 'module_list'].flatMap((list) =>
    (database.prepare(`pragma ${list}`).all() as { name: string }[]).map(({ name }) => name.toLowerCase()),
  );
  const unknown = [...new Set(names)].filter((name) => !known.has(name) && !refused.has(name));
  return unknown.length === 0
    ? undefined
    : new RegExp(unknown.map((name) => name.replaceAll(/\W/g, String.raw`\$&`)).join('|'), 'i');
}
