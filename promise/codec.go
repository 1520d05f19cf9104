package promise

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"holdfast"
)

// written is a book as it is kept: each ring its newest cell, how many there are,
// and then pairs of counts, where a run of empty cells is a zero and its length.
type written struct {
	Began time.Time     `json:"began"`
	Rings [rings]string `json:"rings"`
}

// MarshalJSON writes a book: a few hundred bytes where little was asked, at most
// some 30 KB.
func (b Book) MarshalJSON() ([]byte, error) {
	out := written{Began: b.began}
	for i := range b.rings {
		out.Rings[i] = base64.StdEncoding.EncodeToString(b.rings[i].encode())
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (b *Book) UnmarshalJSON(data []byte) error {
	var in written
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*b = Book{began: in.Began}
	for i, text := range in.Rings {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err == nil && len(raw) > 0 {
			err = b.rings[i].decode(i, raw)
		}
		if err != nil {
			return fmt.Errorf("read the counts of a promise: %w", err)
		}
	}
	return nil
}

func (r *ring) encode() []byte {
	if r.cells == nil {
		return nil
	}
	out := binary.AppendVarint(nil, r.head)
	empty := uint64(0)
	flush := func() {
		if empty > 0 {
			out = binary.AppendUvarint(binary.AppendUvarint(out, 0), empty)
		}
		empty = 0
	}
	for _, c := range r.cells {
		if c.All == 0 {
			empty++
			continue
		}
		flush()
		out = binary.AppendUvarint(binary.AppendUvarint(out, c.All), c.Bad)
	}
	flush()
	return out
}

const errCounts = holdfast.Refusal("they are not as they were written")

func (r *ring) decode(i int, raw []byte) error {
	in := bytes.NewReader(raw)
	head, err := binary.ReadVarint(in)
	if err != nil {
		return err
	}
	r.head = head
	size := int(spans()[i]/widths()[i]) + 1
	r.cells = make([]Tally, 0, size)
	for in.Len() > 0 {
		all, err := binary.ReadUvarint(in)
		if err != nil {
			return err
		}
		second, err := binary.ReadUvarint(in)
		switch {
		case err != nil:
			return err
		case all == 0 && second > uint64(size-len(r.cells)), len(r.cells) == size, all != 0 && second > all:
			return errCounts
		case all == 0:
			r.cells = r.cells[:len(r.cells)+int(second)]
		default:
			r.cells = append(r.cells, Tally{All: all, Bad: second})
		}
	}
	if len(r.cells) != size || head < 0 {
		return errCounts
	}
	return nil
}
