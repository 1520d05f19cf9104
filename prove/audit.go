package prove

import (
	"context"
	"fmt"
	"strings"
	"time"

	"holdfast"
	"holdfast/load"
)

const (
	// auditPatience bounds one question for all that was written.
	auditPatience = 10 * time.Second
	// auditSettles is how long an acknowledged write may take to be found: what is
	// copied to where it is read may arrive a little later.
	auditSettles = 2 * time.Second
	// auditEvery is how often it is looked for meanwhile.
	auditEvery = 250 * time.Millisecond
)

// writes are what became of all that a load wrote. Its zero value is of a load
// that wrote nothing.
type writes struct {
	lost    bool     // one was, at least
	twice   bool     // one was carried out so, at least
	wrong   []string // of acknowledged writes that were lost, of any carried out twice
	unknown string   // why it could not be asked for; empty: it could
}

// audit asks the copy, after a load, for what its sessions wrote.
func (p *proving) audit(ctx context.Context, asked asking, results []load.Result) writes {
	var w writes
	for _, session := range asked.sent {
		if session.Audit == nil {
			continue
		}
		at, open := asked.open[session.Audit.On].to(session.Audit.Path)
		if !open {
			w.unknown = fmt.Sprintf("what %s wrote cannot be asked for: no request can reach %s", session.Name, session.Audit.On)
			continue
		}
		audited, err := p.settled(ctx, at.asked(session.Audit.Path), session.Name, results)
		if err != nil {
			w.unknown = fmt.Sprintf("what became of the writes of %s is not known: GET %s%s: %v", session.Name, at.name(), session.Audit.Path, err)
			continue
		}
		w.lost, w.twice = w.lost || len(audited.Lost) > 0, w.twice || len(audited.Doubled) > 0
		w.wrong = append(w.wrong, said(lostWrites(session.Name, audited), doubledWrites(session.Name, audited))...)
	}
	return w
}

// settled asks until every acknowledged write is found, or it is not to be.
func (p *proving) settled(ctx context.Context, at load.Target, of holdfast.SessionName, results []load.Result) (load.Audited, error) {
	for until := time.Now().Add(auditSettles); ; {
		asking, cancel := context.WithTimeout(ctx, auditPatience)
		audited, err := load.Audit(asking, at, of, results)
		cancel()
		if err == nil && len(audited.Lost) == 0 || time.Now().After(until) {
			return audited, err
		}
		select {
		case <-ctx.Done():
			return audited, ctx.Err()
		case <-time.After(auditEvery):
		}
	}
}

func lostWrites(of holdfast.SessionName, a load.Audited) string {
	if len(a.Lost) == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d acknowledged writes of %s were lost, the first: %s of %s, acknowledged with %d", len(a.Lost), a.Acknowledged, of, a.Lost[0].Run, a.Lost[0].Asked(), a.Lost[0].Status)
}

func doubledWrites(of holdfast.SessionName, a load.Audited) string {
	if len(a.Doubled) == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d writes of %s were carried out more than once, the first: %s of %s", len(a.Doubled), a.Sent, of, a.Doubled[0].Run, a.Doubled[0].Asked())
}

// overWrites says what was lost or doubled, if anything was.
func overWrites(f facts) string { return strings.Join(f.writes.wrong, "; ") }

// helpWrites: what is acknowledged has to be somewhere that the process's end does
// not reach, and what may be sent twice has to be known again.
func (f facts) helpWrites() []string {
	var help []string
	if f.writes.lost {
		help = append(help, fmt.Sprintf("to acknowledge in %s only what is stored where the end of its process does not reach: on disk (fsync), or with another service", f.service.Name))
	}
	if f.writes.twice {
		help = append(help, "to carry a write out once however often it comes: by the id that it carries; or, where that cannot be, `idempotent: false` on the edge")
	}
	return help
}
