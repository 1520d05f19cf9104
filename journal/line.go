package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"

	"holdfast/event"
)

// The letters that tell kinds of line apart.
const (
	tagSnapshot = 's'
	tagFrame    = 'f'
)

// lineHead is what stands before the JSON: checksum, space, letter, space.
const lineHead = 8 + 1 + 1 + 1

// A cut is the first line of a segment: the mind as it was after entry Last.
// The snapshot is opaque here and kept byte for byte, which is why it is a
// base64 string and not a document within the document.
type cut struct {
	Last     uint64 `json:"last"`
	Snapshot []byte `json:"snapshot,omitempty"`
}

func encodeFrame(f event.Frame) ([]byte, error) {
	text, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("write a frame down: %w", err)
	}
	return seal(tagFrame, text), nil
}

func encodeCut(c cut) ([]byte, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("write a snapshot down: %w", err)
	}
	return seal(tagSnapshot, text), nil
}

// seal makes a line of a document. The checksum covers the letter too: a frame
// must not be read as a snapshot because of one flipped bit.
func seal(tag byte, text []byte) []byte {
	line := make([]byte, lineHead, lineHead+len(text)+1)
	line[8], line[9], line[10] = ' ', tag, ' '
	line = append(line, text...)
	sum := checksum(line)
	copy(line, sum[:])
	return append(line, '\n')
}

// whole says whether a line, without its newline, is what was once written.
func whole(line []byte) bool {
	if len(line) < lineHead || line[8] != ' ' || line[10] != ' ' {
		return false
	}
	sum := checksum(line)
	return bytes.Equal(line[:8], sum[:])
}

// checksum is CRC-32C, because it finds every burst of up to 32 bits and the
// processor computes it, of what stands after a line's first space.
func checksum(line []byte) (digits [8]byte) {
	sum := crc32.Checksum(line[9:], crc32.MakeTable(crc32.Castagnoli))
	hex.Encode(digits[:], binary.BigEndian.AppendUint32(nil, sum))
	return digits
}

// A Line is one line of a segment: a frame, or the snapshot it begins with.
type Line struct {
	File   string // the segment's path
	Number int    // from 1
	// Frame is nil for a snapshot. Snapshot and Last belong to a snapshot only:
	// the bytes given to Cut (nil for the first segment of a record) and the
	// last entry they cover.
	Frame    *event.Frame
	Snapshot []byte
	Last     uint64
}

// decode reads a whole line. What cannot be understood although the checksum is
// right was written by somebody who knows more than we do: to read on would be
// to pretend that it says nothing.
func decode(file string, number int, line []byte) (Line, error) {
	out := Line{File: file, Number: number}
	var err error
	switch text := line[lineHead:]; line[9] {
	case tagFrame:
		out.Frame = new(event.Frame)
		err = json.Unmarshal(text, out.Frame)
	case tagSnapshot:
		var c cut
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		err = decoder.Decode(&c)
		out.Snapshot, out.Last = c.Snapshot, c.Last
	default:
		err = fmt.Errorf("unknown kind of line %q: written by another version of holdfast?", line[9])
	}
	if err != nil {
		return Line{}, fmt.Errorf("%s line %d: %w", file, number, err)
	}
	return out, nil
}

// lastSeq is the last entry a frame holds, or before when it holds none.
func lastSeq(f event.Frame, before uint64) uint64 {
	if n := len(f.Entries); n > 0 {
		return f.Entries[n-1].ID.Seq
	}
	return before
}
