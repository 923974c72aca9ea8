// Package pipeline runs a join that one YAML file describes, from files to a
// file.
//
//	left:   {file: rides.csv.gz, format: csv, columns: [ride, event, at, other], where: {event: START},
//	         key: [ride], time: at, time_format: "2006-01-02 15:04:05", max_disorder: 10s}
//	right:  {file: rides.csv.gz, format: csv, columns: [ride, event, at, other], where: {event: END},
//	         key: [ride], time: at, time_format: "2006-01-02 15:04:05", max_disorder: 10s}
//	join:   {kind: left_outer, lower: 0s, upper: 20m, late: drop}
//	state:  {backend: lsm, dir: state, memory: 64MiB, durability: checkpoint, checkpoint_every: 10s}
//	output: {file: samples.jsonl}
//
// [Reference] lists the fields. One that has a default may be left out; unknown
// ones are errors. Anchors, aliases and merge keys (<<) work.
//
// # Running
//
// The source whose watermark is the furthest behind is read first, which keeps the state small, however
// far apart in time sources are.
// What is emitted on watermark does not depend on it, and what is emitted on
// arrival is the same in every run. The output grows under its name with ".part"
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
// In batch mode the input is sorted instead (join.Backlog): the output is the same, and
// an interrupted run begins anew. In mode backlog that is done with what there is, and the join goes on
// as a stream (handover.go).
//
// Standard input cannot be read again and standard output not be taken back, so
// neither goes with a state dir.
//
// A row that cannot be read (a time that is none, too few fields) ends the run, unless
// the definition names a file for bad rows: nothing is left out silently. Events that cannot be joined are counted as
// rejected: those with a null in their key, and those whose key is over 32 KiB
// less some 20 bytes, or whose value is over 256 MiB.
package pipeline
