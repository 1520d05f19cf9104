// Package holdfast is the vocabulary of Holdfast: the nouns a system and its
// failures are described with, and the ports through which the rest of the
// program touches the world.
//
// The package imports the standard library only and does nothing. Its files,
// read in alphabetical order, are the glossary. Begin with failuremode.go: a
// failure mode is the noun at the centre, and everything else exists to own it,
// notice it, mend it or prove that it is noticed and mended.
//
// A port (Driver, Keeper, Gateway, Fault) carries its whole contract in its
// comment, and a kit beside its implementations tests that contract.
package holdfast
