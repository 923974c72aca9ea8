// Package chart draws figures as SVG, without a library and without a script.
//
//	data, words            a Chart: Bars, Dots, Lines, Timeline
//	    │                      │
//	    ▼                      ▼
//	 Inline ──► <svg> whose colours are a page's CSS (light, dark, paper)
//	 Standalone ──► a file with a white ground and its colours in it
//
// # Words
//
// A [Chart] knows its size, draws itself, says in words what it shows, and
// gives the table of its figures. A look is how one thing is drawn throughout a
// page: a colour, a pattern of dashes and a marker for lines, a colour and a
// hatching for areas. A label that has no room is shortened in its middle.
//
// # Rules
//
//	V1  The same data give the same bytes.
//	V2  Nothing is told by colour alone: lines have dashes and markers, areas
//	    hatchings, and both a legend or a label.
//	V3  Neighbouring colours can be told apart by people who do not see red,
//	    green or blue, and all stand out from the ground, light or dark.
//	V4  No two texts overlap, however long a label is.
//	V5  Text from outside cannot become markup.
package chart
