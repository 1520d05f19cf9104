package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"holdfast"
)

// maxAudit bounds what an audit reads: the writes of the longest load, with 200
// bytes around each.
const maxAudit = 64 << 20

// An Audited is what became of the writes of a load.
type Audited struct {
	Sent         int      `json:"sent"`
	Acknowledged int      `json:"acknowledged"`      // answered well, late or not
	Lost         []Result `json:"lost,omitempty"`    // acknowledged, and not to be found
	Doubled      []Result `json:"doubled,omitempty"` // carried out more than once, acknowledged or not
	Unknown      int      `json:"unknown"`           // not acknowledged, and carried out: nobody can promise otherwise
}

// Audit asks url what was written, and tells what became of the writes of a
// session among results. Its users must have ended: a write under way may still
// be carried out.
//
// Any answer but a whole one with a status of 2xx and at most 64 MiB is an error:
// nothing is known then, and nothing kept is to be concluded. ctx bounds the
// asking.
func Audit(ctx context.Context, at Target, session holdfast.SessionName, results []Result) (Audited, error) {
	others := func(r Result) bool { return r.Session != session }
	audited, err := audit(ctx, at, slices.DeleteFunc(slices.Clone(results), others))
	if err != nil {
		return Audited{}, fmt.Errorf("ask what was written: %w", err)
	}
	return audited, nil
}

func audit(ctx context.Context, at Target, results []Result) (Audited, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.URL, nil)
	if err != nil {
		return Audited{}, err
	}
	request.Host = at.Host // empty: the URL's
	// A connection of its own, and no proxy: what stands in the environment is not
	// for it.
	// Nor does it follow where an answer points: that may be no part of the copy, and
	// what stands there is not what was asked for.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: asAnswered}
	response, err := client.Do(request)
	if err != nil {
		return Audited{}, err
	}
	defer response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return Audited{}, fmt.Errorf("status %d", response.StatusCode)
	}
	if how := response.Header.Get(degradedHeader); how != "" {
		return Audited{}, fmt.Errorf("it was answered in its place (%s), which says nothing of what was written", printable(how, maxError))
	}
	found := counts(results)
	limited := &io.LimitedReader{R: response.Body, N: maxAudit + 1}
	if err := found.in(limited); err != nil {
		return Audited{}, err
	}
	if limited.N == 0 {
		return Audited{}, fmt.Errorf("more than %d bytes", maxAudit)
	}
	return found.tell(results), nil
}

// asAnswered takes a redirect for the answer that it is, as the load does.
func asAnswered(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// An occurrence says how often each run's id was found.
type occurrence map[string]int

// counts are those of all runs that wrote, before anything was found.
func counts(results []Result) occurrence {
	found := occurrence{}
	for _, result := range results {
		if result.Write && result.Error != notSent {
			found[result.Run] = 0
		}
	}
	return found
}

// idLength is that of every run's id: "hf-" and sixteen hexadecimal digits.
const idLength = len("hf-0123456789abcdef")

// in counts the ids in a text. It looks at every "hf-", wherever it stands: what
// surrounds an id is the service's own affair.
func (o occurrence) in(text io.Reader) error {
	reader := bufio.NewReaderSize(text, 64<<10)
	for {
		if _, err := reader.ReadSlice('h'); errors.Is(err, bufio.ErrBufferFull) {
			continue
		} else if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		rest, err := reader.Peek(idLength - 1)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if id := "h" + string(rest); len(id) == idLength {
			if _, ours := o[id]; ours {
				o[id]++
			}
		}
	}
}

// tell sums up.
func (o occurrence) tell(results []Result) Audited {
	var audited Audited
	for _, result := range results {
		times, written := o[result.Run]
		if !written || !result.Write || result.Error == notSent {
			continue
		}
		audited.Sent++
		if !result.Failed {
			audited.Acknowledged++
		}
		switch {
		case times > 1:
			audited.Doubled = append(audited.Doubled, result)
		case times == 0 && !result.Failed:
			audited.Lost = append(audited.Lost, result)
		case times == 1 && result.Failed:
			audited.Unknown++
		}
	}
	return audited
}
