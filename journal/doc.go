// Package journal remembers: an append-only record of event frames in one
// directory, written by one process, from which everything else is derived.
//
// # On disk
//
// A record is a sequence of segments, 000001.log, 000002.log, …, each a text
// file that grep can read. A line is
//
//	1a2b3c4d f {"at":…,"input":true,"entries":[…]}
//
// eight hex digits of CRC-32C over everything after the first space, a letter
// for the kind of line (s snapshot, f frame), and one JSON document. The first
// line of a segment is a snapshot of the mind at the moment of the cut; it and
// the frames after it rebuild the mind, so the newest segment alone is enough
// to go on. Older segments are history, kept up to a bound.
//
// # What is promised
//
// A frame whose Commit says Recorded survives the death of the process and of
// the machine. Frames are never recorded out of order. What cannot be written
// is handed on all the same, marked, counted and tried again: Holdfast does not
// stop mending because it cannot write.
//
// # Damage
//
// A record can end in a line that was never finished: the process or machine
// died in the middle of a write. Nothing of it was promised, so it is cut off.
// Damage with whole lines after it is another matter: either the disk changed
// what was promised, or a machine died while later blocks of an unfinished
// write had reached the disk before earlier ones. The two cannot be told apart,
// so nothing is thrown away: what stands before the damage is used, the whole
// segment is kept beside it as .damaged, and Recovered.Mended says what is
// missing.
package journal
