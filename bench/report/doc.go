// Package report makes a page with charts of results, files of its charts, and
// tables for spreadsheets.
//
//	[]bench.Result
//	     │  what ran alike      experiment: one workload, seed, knobs, machine
//	     ▼                          └─ contender: one backend, its repetitions
//	 experiments ──► verdicts ──► summary
//	     │
//	     └──► topics ──► figures ──► HTML, SVGs
//	                        └─ a chart, its words, its table
//
// CSVs writes the results themselves.
//
// # Words
//
// A contender is a backend with its settings; the same spec with two budgets of
// memory is two. An experiment is what contenders can be compared in. A verdict says of
// one criterion, such as processor time, who is best and whether that is
// more than chance. A topic is a group of figures, such as those of write
// amplification. An interval is that of the median of the repetitions, at 95 %; up to five
// of them it is from the least to the greatest.
//
// # Rules
//
//	P1  Everything is a function of the results: the same ones give the same bytes.
//	P2  What results hold is drawn, whichever metrics, curves and series that
//	    are; what they lack is said to be lacking.
//	P3  No winner is named where intervals overlap, or the lead is below two in a hundred.
//	P4  A page loads nothing and runs nothing.
//	P5  Text in results cannot become markup (chart's V5 and html/template).
package report
