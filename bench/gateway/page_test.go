package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func raced(peer, variant, method, fault string, round, failed, late, twice int) result {
	return result{
		cell:    cell{Part: "race", Peer: peer, Variant: variant, Fault: fault, Method: method, Round: round},
		Version: "1", Failed: failed, Late: late, Twice: twice, LastBad: 1500 * time.Millisecond,
	}
}

func cost(part, peer, variant string, round int, cpu time.Duration) result {
	return result{cell: cell{Part: part, Peer: peer, Variant: variant, Round: round}, Version: "1", CPU: cpu, Own: cpu, Rate: 1000}
}

func held5000(peer, variant string, mb int64) result {
	return result{cell: cell{Part: "memory", Peer: peer, Variant: variant, Round: 1}, Version: "1", Bytes: mb * 1e6, Active: 2 * mb * 1e6}
}

// wantLine wants one line of a page.
func wantLine(t *testing.T, page, line string) {
	t.Helper()
	if !slices.Contains(strings.Split(page, "\n"), line) {
		t.Errorf("the page lacks\n%s\nin\n%s", line, page)
	}
}

func page(t *testing.T, all ...result) string {
	t.Helper()
	text, err := render(all, "Here.")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestThePageShowsTheWorstRoundAndWhoWins(t *testing.T) {
	text := page(t,
		raced("holdfast", "file", "POST", "crash", 1, 0, 0, 0),
		raced("holdfast", "file", "POST", "crash", 2, 2, 1, 0),
		raced("haproxy", "safe", "POST", "crash", 1, 1, 0, 0),
		raced("haproxy", "expert", "POST", "crash", 1, 0, 0, 4),
		raced("caddy", "small", "POST", "crash", 1, 9, 9, 0),
	)
	wantLine(t, text, "| broken | holdfast file | haproxy safe | haproxy expert | caddy small |")
	wantLine(t, text, "| crash (SIGKILL; started again at its end) | 2/1/0 1.5 s | **1/0/0** 1.5 s | 0/0/4 | 9/9/0 1.5 s |")
	wantLine(t, text, "- crash: haproxy safe, 1 failed and 0 late, Holdfast 2 and 1")
	wantLine(t, text, "- crash: haproxy expert, 0 failed and 0 late, Holdfast 2 and 1; executed twice 4, Holdfast 0")
	if strings.Contains(text, "caddy small, 9") {
		t.Error("who did worse is among those who did better")
	}
	if !strings.Contains(text, "the worst of the rounds (Holdfast 2, the others 1)") {
		t.Error("it does not say how often each raced")
	}
}

func TestARowThatHoldfastDidNotRunIsNotWon(t *testing.T) {
	text := page(t,
		raced("holdfast", "file", "GET", "crash", 1, 0, 0, 0),
		raced("nginx", "small", "GET", "crash", 1, 0, 0, 0),
		raced("nginx", "small", "GET", "hang", 1, 0, 7, 0),
	)
	wantLine(t, text, "| hang (SIGSTOP) | – | **0/7** 1.5 s |")
	wantLine(t, text, "- hang: Holdfast was not measured")
}

func TestThePageComparesCosts(t *testing.T) {
	us := time.Microsecond
	text := page(t,
		cost("cpu", "holdfast", "file", 1, 40*us), cost("cpu", "holdfast", "file", 2, 50*us), cost("cpu", "holdfast", "file", 3, 42*us),
		cost("cpu", "haproxy", "expert", 1, 20*us),
		cost("cpu", "traefik", "expert", 1, 41*us),
		cost("cpu", "caddy", "expert", 1, 90*us),
		held5000("holdfast", "file", 160), held5000("nginx", "small", 12),
	)
	wantLine(t, text, "| holdfast file | 42.0 (40.0-50.0) | 42.0 | 2.10× | 1000 (1000-1000) |")
	wantLine(t, text, "**A request costs less than Holdfast's 42.0 µs in:** haproxy expert, 20.0 µs · traefik expert, 41.0 µs.")
	wantLine(t, text, "| CPU per request, at most 2.2 times HAProxy's | 44.0 µs | 42.0 µs | kept |")
	wantLine(t, text, "| CPU per request, below Traefik's | 41.0 µs | 42.0 µs | **broken** |")
	wantLine(t, text, "| memory with 5000 connections that wait | 150.0 MB | 160.0 MB | **broken** |")
	wantLine(t, text, "| nginx small | 12.0 (12.0-12.0) | 24.0 (24.0-24.0) |")
	wantLine(t, text, "**Memory costs less than Holdfast's 160.0 MB in:** nginx small, 12.0 MB.")
	if strings.Contains(text, "TCP mode, CPU") {
		t.Error("it compares what was not measured")
	}
}

func TestThePageSaysWhatElseTheMachineDid(t *testing.T) {
	quiet, busy := cost("cpu", "holdfast", "file", 1, 1), cost("cpu", "holdfast", "file", 2, 1)
	quiet.sky, busy.sky = sky{Load: 0.5, Steal: 0.01}, sky{Load: 2.5, Steal: 0.03}
	if text := page(t, quiet, busy); !strings.Contains(text, "1.5 (0.5-2.5)") || !strings.Contains(text, "2.0 (1.0-3.0) %") {
		t.Error(text)
	}
}

// What was measured is not measured again, whichever part was interrupted.
func TestABookGoesOnWhereItWasLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results")
	first, err := openBook(path)
	if err != nil {
		t.Fatal(err)
	}
	done, busy := raced("holdfast", "file", "GET", "hang", 1, 0, 3, 0), raced("holdfast", "file", "GET", "slow", 1, 0, 0, 0)
	done.sky = sky{Load: 1, Steal: 0.5}
	busy.Lag = tooLate + 1
	for _, r := range []result{done, busy} {
		if err := first.keep(r); err != nil {
			t.Fatal(err)
		}
	}
	first.Close()
	again, err := openBook(path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if !slices.Equal(again.results, []result{done}) {
		t.Errorf("kept %+v", again.results)
	}
	s := stage{wish: wish{methods: []string{"GET"}, faults: []string{"hang", "slow"}}, book: again, round: 1}
	if heats := s.heats([]peer{holdfastPeer("holdfast", "holdfast.yaml")}); len(heats) != 1 || heats[0].Fault != "slow" {
		t.Errorf("left to race: %+v", heats)
	}
}

func TestTheFirstRoundGoesByRowsAndTheOthersBeginWithHoldfast(t *testing.T) {
	all := peers(programs{holdfast: "holdfast", traefik: "traefik"})
	book := &book{known: map[cell]bool{}}
	order := func(round int) (names []string) {
		s := stage{wish: wish{methods: []string{"GET", "POST"}, faults: []string{"crash", "hang"}}, book: book, round: round}
		for _, h := range s.heats(all) {
			names = append(names, h.Fault+" "+h.Method+" "+h.peer.String())
		}
		return names
	}
	first, second := order(1), order(2)
	if got := first[:7]; !slices.Equal(got, []string{
		"crash GET haproxy/small", "crash GET nginx/small", "crash GET traefik/small",
		"crash GET haproxy/expert", "crash GET nginx/expert", "crash GET traefik/expert", "crash GET holdfast/file",
	}) {
		t.Errorf("the first round begins with %q", got)
	}
	if got := second[:4]; !slices.Equal(got, []string{"crash GET holdfast/file", "crash POST holdfast/file", "hang GET holdfast/file", "hang POST holdfast/file"}) {
		t.Errorf("the second round begins with %q", got)
	}
	slices.Sort(first)
	slices.Sort(second)
	if !slices.Equal(first, second) {
		t.Error("they are not of the same")
	}
}

func TestNothingIsBegunWhenTimeIsOver(t *testing.T) {
	s := stage{wish: wish{within: time.Minute}, began: time.Now().Add(-time.Minute)}
	if !s.over(t.Context()) {
		t.Error("it is not over")
	}
	s.within = 0
	if s.over(t.Context()) {
		t.Error("it is over, and has no end")
	}
}

// Every configuration that a peer is started with is there.
func TestEveryPeerHasItsFiles(t *testing.T) {
	have := programs{holdfast: "holdfast", caddy: "caddy", traefik: "traefik"}
	for _, p := range append(peers(have), tcpPeers(have)...) {
		dir := t.TempDir()
		if err := p.layOut(dir, true); err != nil {
			t.Errorf("%s: %v", p, err)
		}
		for _, name := range p.files {
			if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || len(text) == 0 {
				t.Errorf("%s: %s: %v", p, name, err)
			}
		}
	}
}

func TestTheMachineIsRead(t *testing.T) {
	before := weather()
	if before.all == 0 {
		t.Skip("no /proc/stat")
	}
	if s := before.since(); s.Steal < 0 || s.Steal > 1 || s.Load < 0 {
		t.Errorf("%+v", s)
	}
}

func TestWhatFailedIsTriedOnceMore(t *testing.T) {
	tries := 0
	pass := func() error {
		if tries++; tries == 1 {
			return os.ErrDeadlineExceeded
		}
		return nil
	}
	if err := (stage{}).twice(t.Context(), pass); err != nil || tries != 2 {
		t.Errorf("%d tries: %v", tries, err)
	}
	late := stage{wish: wish{within: 1}, began: time.Now().Add(-time.Minute)}
	if tries = 0; late.twice(t.Context(), pass) == nil || tries != 1 {
		t.Errorf("after the end: %d tries", tries)
	}
}
