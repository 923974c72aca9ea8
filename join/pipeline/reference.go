package pipeline

// Reference describes the fields of a pipeline file, for whoever writes one.
const Reference = `name            of the pipeline, for metrics and logs; default: the name of this file, without its extension
left, right     a source, or a list of sources that the side is merged of, each with these fields
  file          what to read: a file, - for standard input (one source alone), or a list of files and patterns such as day-*.csv,
                which are read one after the other and have the same columns
  follow        true: the file, csv or JSON lines, grows, and the join goes on with each line that is added, until it is
                stopped; default: false
  idle          by the clock, how long the others wait for this source if it is - or followed: then they go on without it, and what
                it shows later below their watermark is late; default: for ever
  format        csv, jsonl or parquet; default: by the name, less .gz or .zst
  columns       [name, ...] of the fields of a csv without header; further fields are ignored
  where         {column: text, ...}; only rows that have these texts are events; default: all rows
  key           [column, ...], as many on both sides, compared in order
  time          the column of the event time
  time_format   a Go layout, unix_s, unix_ms, unix_us or unix_ns; only parquet timestamps need none
  from, to      times, such as 2024-05-01 or 2024-05-01 08:00:00, within which rows are expected: others are bad; default: all are expected;
                with to alone, those from 1970-01-01
  max_disorder  how far behind the latest event one may lie without being late, or unbounded; default: 0s
join
  kind          left_outer, inner, tumbling, regular, three_way, temporal, dedup or session; the last two have left alone,
                and three_way has two sources on the right
  lower, upper  (left_outer, inner) a pair has left time + lower <= right time <= left time + upper; default of lower: 0s
  window        (tumbling) the length of windows, which begin at whole multiples of it since 1970;
                (dedup) events of a key less than this apart are repeats; with keep: first it may be left out: for ever
  ttl           (regular, three_way) how long after its time an event is joined, or {left: DURATION, right: DURATION};
                (temporal) how long a version, a right event, is in force at most; default: until the next one
  keep          (dedup) first or last; default: first
  plan          (three_way) shared: all three are kept once, under one key; chained: left is joined with the first source, and their
                pairs, which are kept again, with the second; the output is the same; default: shared
  gap           (session) how far apart the events of a session may be
  late          drop; {side: FILE}, where late events are then written; (left_outer, inner) {corrections: DURATION}, and
                events are joined whose windows have passed by less, side for the others; corrections: as long as the
                window; default: drop
  bad           what becomes of rows that cannot be read or have no key, or a time that is absurd: stop, at the first that
                cannot be read or is not within from and to, and the others are counted; or {side: FILE}, where they are
                written as JSON lines with place and reason, and all are counted as rejected; default: stop
  emit          (left_outer, inner) watermark: a sample is emitted when its window has passed; on_match: a positive as soon as it is one,
                and again, marked as a correction, for each further right event; default: watermark
  negatives     (left_outer) {keep: SHARE, seed: NUMBER} keeps a share of the samples without a pair; default: all
state
  backend       a spec, such as lsm or btree?page_size=8KiB; default: lsm
  dir           where the state lies; default: a temporary directory, which goes with the join, and an interrupted join starts anew
  memory        such as 64MiB, for all partitions together; default: the backend's, for each
  durability    checkpoint, interval or always; default: checkpoint
  checkpoint_every  event time between commits; default: 1m with a dir, else only at the end
  partitions    how many stores to divide the keys among, from 1 to 1024, each with a goroutine of its own; default: 1;
                a join that was stopped or killed goes on with any other number
  batch         (dedup, keep: first) how many events to collect and then ask the store about at once, up to 65536;
                (temporal; left_outer, emit: on_match) how many to ask about at once as their timers fire; default: 1
output
  file          what to write; - is standard output; JSON lines whose file's name ends in .gz or .zst are compressed so
  format        jsonl or parquet; default: by the name, else jsonl

Durations are written 10s, 1h30m or -5m. Names of files and directories are
relative to the working directory, and ${NAME} in them is an environment variable.
`
