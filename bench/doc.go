// Package bench runs workloads on state stores and says what they cost.
//
//	seed, knobs                        Opener: spec, directory
//	    │                                   │
//	    ▼            events                 ▼
//	 source ──► arrivals ──► operator ──► timedStore ──► Store
//	    │       (loop)      (join, dedup,       │           │ OnMaintenance
//	    │          │            Gets)           ▼           │
//	    ▼          └───────────┼──────────► recorder ◄──────┘
//	 oracle                    ▼                │
//	    │                   digest              ▼
//	    └──────► equal? ◄──────┘     Metrics, Curves, Timeline ──► Result
//	                                                       │
//	       results.jsonl, Table, GoBench, Compare, report/ ◄┘
//
// # Words
//
// A [Workload] is a stream of operations that a seed and its knobs determine. A
// [Job] is one run of one workload on one backend; [Execute] runs it in this
// process, in two phases: the warm-up, which fills the state, and the measured
// phase. A [Suite] runs many jobs and holds each against the [Truth], the output
// that an oracle computes in plain memory. A [Result] is a run that the oracle
// agreed with; a run that it disagrees with has no numbers. A workload may also
// be a trace (package trace, OpenWorkload): its truth is a replay in plain memory. The harness is all
// that is not the store: generator, driver, digest and clock. What it costs is
// measured over a store that keeps nothing, and printed.
//
// # Rules
//
//	M1  A workload is the same, to the byte, on every machine and under every version of Go.
//	M2  Every metric that is emitted is documented, and the other way round (MetricDocs).
//	M3  What could not be measured is absent; it is never zero, and never guessed.
//	M4  The hot path of a driver allocates nothing.
//	M5  Tables, reports and comparisons are functions of results and of nothing else.
//
// # What the figures do not say
//
// The closed loop, which is the default, hides queueing: while the store stalls
// no further event arrives, so that its latencies are those of calls and not of
// events that would have waited. The open loop (Settings.Rate) shows them, at
// the price of processor time that is spent waiting and cannot be told apart;
// docs/LATENCY.md has the method. There is one caller in both.
//
// Didona et al. (Toward a Better Understanding and Evaluation of Tree Structures
// on Flash SSDs, VLDB 2021) list seven pitfalls. Runs are long in event time,
// with a warm-up of more than two windows and as much measured; space
// amplification is measured, at its peak as well; the size of the state is a
// knob. What a device writes beyond what it is sent, in what state it starts, how
// full it is and of what geometry are parameters of a simulated one. What stays
// open: the real device under a run is one, its inside cannot be seen, and a suite
// has one size of state unless told otherwise. docs/RUNS.md goes through them.
//
// Other processes take processor time, and a hypervisor may too. Every result
// says how much, is marked as disturbed where that was more than a threshold, and
// is not left out for it. Figures are of one machine; comparison refuses to mix two.
//
// The package knows stores by their contract only; whoever uses it passes an
// [Opener].
package bench
