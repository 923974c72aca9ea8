// Package pipeline runs a join that one YAML file describes, from files to a
// file.
//
//	left:   {file: rides.csv.gz, format: csv, columns: [ride, event, at, other], where: {event: START},
//	         key: [ride], time: at, time_format: "2006-01-02 15:04:05", max_disorder: 10s}
//	right:  {file: rides.csv.gz, format: csv, columns: [ride, event, at, other], where: {event: END},
//	         key: [ride], time: at, time_format: "2006-01-02 15:04:05", max_disorder: 10s}
//	join:   {kind: left_outer, lower: 0s, upper: 20m, late: drop}
//	state:  {backend: "lsm?compaction=window", dir: state, memory: 64MiB, durability: checkpoint, checkpoint_every: 10s}
//	output: {file: samples.jsonl}
//
// # Fields
//
// A field that has a default may be left out. Unknown fields are errors. File
// and directory names are relative to the working directory; ${NAME} in them
// stands for an environment variable. Anchors, aliases and merge keys (<<) work.
//
//	left, right
//	  file          what to read; "-" is standard input, for one side
//	  format        csv, jsonl or parquet; default: by the name, less .gz or .zst
//	  columns       names of the fields of a csv without header
//	  where         {column: text, ...}; only rows that have these texts are events; default: all rows
//	  key           [column, ...], the same number on both sides, compared in order
//	  time          the column of the event time
//	  time_format   a Go layout, unix_s, unix_ms, unix_us or unix_ns; only parquet timestamps need none
//	  max_disorder  how far an event may lie behind the latest one before it is late, or unbounded; default: 0s
//	join
//	  kind          left_outer or inner
//	  lower, upper  a pair has left time + lower <= right time <= left time + upper; lower's default: 0s
//	  late          drop, or {side: FILE}, where late events are then written; default: drop
//	  emit          watermark (default): a sample is emitted when its window has passed
//	  negatives     {keep: SHARE, seed: NUMBER} keeps a share of the samples without a pair; default: all
//	state
//	  backend       a spec of package backends; default: lsm
//	  dir           where the state lies; default: a temporary directory, and an interrupted join starts anew
//	  memory        such as 64MiB; default: the backend's
//	  durability    checkpoint (default), interval or always
//	  checkpoint_every  event time between commits; default: 1m with a dir, else only at the end
//	  partitions    1
//	output
//	  file          what to write, as JSON lines; "-" is standard output
//	  format        jsonl
//
// Durations are Go's (10s, 1h30m, -5m).
//
// # Running
//
// The side with the lower watermark is read first, which keeps the state small;
// the output does not depend on it. The output grows under its name with ".part"
// added and gets its name when it is whole, in place of a file of that name; so
// does the file of late events. After any failure there is only the part.
//
// With a state dir, a join that was interrupted, be it by kill -9 or a power
// cut, goes on when it is run again, from its last commit (with durability
// interval or always, from close to where it stopped), and its output is the
// same, byte for byte. It refuses to go on if an input has changed (its size, or
// the bytes at its start or end) or if the definition has, but for the names of
// the inputs and the memory, durability and checkpoint_every of the state.
// Run once more after it has finished, it verifies that the output is what it
// wrote, changes nothing, and returns the summary again: remove the state dir
// to join anew.
//
// Standard input cannot be read again and standard output not be taken back, so
// neither goes with a state dir.
//
// A row that cannot be read (a time that is none, too few fields) ends the run:
// nothing is left out silently. Events that cannot be joined are counted as
// rejected: those with a null in their key, and those whose key is over 32 KiB
// less some 20 bytes, or whose value is over 256 MiB.
package pipeline
