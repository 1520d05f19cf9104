package diagnostic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
)

// DocumentVersion is that of check's document. It is 0 until it is stable.
const DocumentVersion = 0

// A Baseline is what a file had when somebody began to look: what is in it is
// known and does not count. It is how a team begins with a file that has fifty
// problems, and is not meant to stay: what is accepted has an owner and an end.
type Baseline struct {
	known counts
}

// A lasting identity is the same however often a file is edited: it has no line,
// and no message where something else tells problems of one code apart. How many
// of one there are counts.
type lasting struct {
	code Code
	of   string
	file string // its last part: the folder is another one on another machine
}

func lastingOf(p Problem) lasting {
	of := p.Of
	if of == "" {
		of = p.Message
	}
	return lasting{code: p.Code, of: of, file: path.Base(p.File)}
}

// ReadBaseline reads a document that check printed earlier.
func ReadBaseline(text []byte) (Baseline, error) {
	var document struct {
		Version  *int    `json:"version"`
		Problems *counts `json:"problems"`
	}
	switch err := json.Unmarshal(text, &document); {
	case err != nil:
		return Baseline{}, fmt.Errorf("it is no JSON document: %w", err)
	case document.Version == nil || document.Problems == nil:
		return Baseline{}, errors.New("it is no document of check: it has no version or no problems")
	case *document.Version != DocumentVersion:
		return Baseline{}, fmt.Errorf("it is of version %d, and this program writes and reads version %d", *document.Version, DocumentVersion)
	}
	return Baseline{known: *document.Problems}, nil
}

// counts are how many there are of each problem of a list. It is read
// problem by problem, since a list of a few megabytes may hold millions.
type counts map[lasting]int

// mostKnown is far beyond what check finds in the largest file that it reads.
const mostKnown = 200_000

func (c *counts) UnmarshalJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if opening, err := decoder.Token(); err != nil || opening != json.Delim('[') {
		return errors.Join(errors.New("its problems are no list"), err)
	}
	*c = counts{}
	for n := 0; decoder.More(); n++ {
		if n == mostKnown {
			return fmt.Errorf("it has more than %d problems", mostKnown)
		}
		var p Problem
		if err := decoder.Decode(&p); err != nil {
			return err
		}
		(*c)[lastingOf(p)]++
	}
	return nil
}

// A Comparison is what has changed since a baseline.
type Comparison struct {
	New   []Problem // in the order in which they were given
	Known int       // how many are left out
	Gone  int       // how many the baseline has, and the file has no more
}

// Compare tells what is new. Of several problems that are one and the same to a
// baseline, the last ones of the text are new. What was accepted since is not
// gone.
func (b Baseline) Compare(j Judgement) Comparison {
	left := map[lasting]int{}
	for is, n := range b.known {
		left[is] = n
	}
	var c Comparison
	for _, p := range j.Problems {
		if is := lastingOf(p); left[is] > 0 {
			left[is]--
			c.Known++
		} else {
			c.New = append(c.New, p)
		}
	}
	for _, accepted := range j.Accepted {
		if is := lastingOf(accepted.Problem); left[is] > 0 {
			left[is]--
		}
	}
	for _, n := range left {
		c.Gone += n
	}
	return c
}
