package report

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast"
	"holdfast/internal/golden"
)

func millis(m Millis) *Millis { return &m }

// passed is a drill in which everything held, failed one in which hardly
// anything did, unseen one that nobody witnessed, and unasked one that was not
// made.
func passed() Drill {
	return Drill{
		Mode: "catalog.crash", Kind: "crash", Strikes: "catalog-2", Owner: "web", Verdict: holdfast.Pass, Witness: "exit of pid 4711 seen by load",
		Detect: millis(4.1), Eject: millis(3.9), Mitigate: millis(0), Restore: millis(640),
		Bounds: bounds(), Sent: 1012, Impact: 0, Below: 0.003, Remedies: []string{"restart"}, Withheld: []string{},
	}
}

func failed() Drill {
	d := passed()
	d.Mode, d.Strikes, d.Verdict, d.Owner = "cart.crash", "cart-1", holdfast.Fail, "cart-team"
	d.Detect, d.Mitigate, d.Restore = millis(1200), millis(20_400), nil
	d.Sent, d.Failed, d.Late, d.Impact, d.Below = 1_234_567, 1000, 34, 0.25, 0.2712
	d.Remedies, d.Withheld, d.Escalated = []string{"restart", "restart"}, []string{"attempt-budget"}, true
	d.Reason = "noticing it took 1.2s; cart was not whole again 30s after the fault: cart-1 was started again and exited, 2 times"
	d.Help = []string{"a cart that starts after a crash: started again, cart-1#3 ended by itself (exit 1)"}
	d.Steps = []Step{{Name: StepNotice, What: "until it was noticed", Took: 1200}, {Name: StepReady, What: "in which cart-1#3, started again, gave no good answer", Took: 28_800}}
	d.Evidence = []string{"     0s  fault injected", "   1.2s  detected cart-1#1 cart.crash by exit after 0s"}
	return d
}

func unseen() Drill {
	d := passed()
	d.Mode, d.Owner, d.Verdict, d.Witness, d.Restore = "ads.crash", "", holdfast.Invalid, "", nil
	d.Reason = "nobody but the injector saw the fault: no witness of the end of pid 4711"
	return d
}

func unasked() Drill {
	return Drill{
		Mode: "ledger.crash", Kind: "crash", Owner: "web", Verdict: holdfast.Invalid, Bounds: bounds(), Impact: 1, Below: 1,
		Remedies: []string{}, Withheld: []string{}, Reason: "ledger speaks tcp, and the load can ask over HTTP only",
	}
}

// lost is an edge that was lost and contained, covered one that degraded.
func lost() Drill {
	d := passed()
	d.Mode, d.Kind, d.Strikes, d.Witness = "storefront/catalog.loss", "loss", "storefront/catalog", "refusal, then silence seen by load on the way to all 2 replicas of catalog"
	d.Remedies, d.From = []string{}, "undo"
	d.Contained = &Contained{Sent: 420, Failed: 418, Slowest: 1010, Allowed: 1500, UnderWay: 90, Bound: 235}
	return d
}

func covered() Drill {
	d := lost()
	d.Mode, d.Strikes, d.Contained, d.Degraded = "storefront/ads.loss", "storefront/ads", nil, 411
	return d
}

// instead is what users came for, and got from elsewhere.
func instead() Drill {
	d := covered()
	d.Mode, d.Strikes = "catalog.loss", "catalog"
	d.Instead = []Instead{{How: "stale", Answers: 300, Oldest: 3000}, {How: "fallback", Answers: 100}, {How: "old-catalog", Answers: 11}}
	return d
}

// bridged is a restart that was waited out.
func bridged() Drill {
	d := passed()
	d.Waited = &Waited{Requests: 41, P99: 254, Longest: 261}
	return d
}

func spread() Drill {
	d := lost()
	d.Mode, d.Strikes, d.Verdict, d.Sent = "storefront/bank.loss", "storefront/bank", holdfast.Fail, 0
	d.Contained = &Contained{Sent: 420, Failed: 420, Slowest: 5000, Allowed: 1500, UnderWay: 260, Bound: 235}
	d.Reason = "it did not fail fast: GET storefront:8080 answer: timeout took 5s, and storefront/bank allows 1.5s"
	return d
}

func bounds() Bounds { return Bounds{Detect: 1000, Mitigate: 3000, Restore: 15000, Impact: 0.001} }

func run(drills ...Drill) Run {
	r := Run{System: "shop", Seed: 8812, Control: Control{Sent: 1000, Rate: 200, P99: 3.2}, Drills: append([]Drill{}, drills...)}
	r.Verdict = Worst(r.Verdicts())
	return r
}

// stopped is a run that did not come to its first drill.
func stopped() Run {
	r := run()
	r.Control, r.Verdict, r.Reason = Control{}, holdfast.Invalid, "the private copy did not get ready: catalog-2#1 is exit 1 after 3ms"
	return r
}

func TestTheTextOfARun(t *testing.T) {
	for name, run := range map[string]Run{
		"held.txt": run(passed()), "mixed.txt": run(passed(), failed(), unseen(), unasked()), "lost.txt": run(lost(), covered(), spread()), "nothing.txt": run(), "stopped.txt": stopped(),
	} {
		text := Text(run, false)
		golden.Compare(t, filepath.Join("testdata", name), text)
		if coloured := Text(run, true); strip(coloured) != text || strings.Count(coloured, "\x1b[0m") != len(run.Drills)+1 {
			t.Errorf("%s: colour adds more than colour:\n%q", name, coloured)
		}
	}
}

// strip removes colour.
func strip(text string) string {
	for {
		before, rest, found := strings.Cut(text, "\x1b[")
		if !found {
			return text
		}
		_, after, _ := strings.Cut(rest, "m")
		text = before + after
	}
}

// example is the output as issue 2 promises it: what reads it must find every
// key, of the same type.
const example = `{"version":0,"system":"shop","verdict":"FAIL","seed":8812,"control":{"sent":1000,"failed":0},
 "drills":[{"mode":"catalog.crash","kind":"crash","strikes":"catalog-2","owner":"web","verdict":"PASS","witness":"exit of pid 4711 seen by load",
   "detect_ms":4.1,"mitigate_ms":0,"restore_ms":640,"bounds":{"detect_ms":1000,"mitigate_ms":3000,"restore_ms":15000,"impact":0.001},
   "sent":1012,"failed":0,"late":0,"impact":0.0,"impact_below_95":0.003,"remedies":["restart"],"withheld":[],"reason":""}]}`

func TestTheDocumentHasEveryPromisedKey(t *testing.T) {
	for name, run := range map[string]Run{"passed": run(passed()), "failed": run(failed()), "unseen": run(unseen()), "unasked": run(unasked()), "lost": run(lost())} {
		var want, got any
		if err := json.Unmarshal([]byte(example), &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(document(t, run), &got); err != nil {
			t.Fatal(err)
		}
		hasAll(t, name, want, got)
	}
}

// hasAll holds a document against a promised one: every key, with a value of the
// same type. Only a time may be null.
func hasAll(t *testing.T, at string, want, got any) {
	t.Helper()
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		for key, value := range want {
			if found, has := got[key]; !ok || !has {
				t.Errorf("%s.%s is missing", at, key)
			} else {
				hasAll(t, at+"."+key, value, found)
			}
		}
	case []any:
		got, ok := got.([]any)
		if !ok {
			t.Errorf("%s is %v, not a list", at, got)
		}
		for _, item := range got {
			hasAll(t, at+"[]", slices.Concat(want, []any{""})[0], item)
		}
	case float64:
		_, number := got.(float64)
		if mayBeNull := strings.HasSuffix(at, "_ms") && !strings.Contains(at, "bounds"); !number && !(got == nil && mayBeNull) {
			t.Errorf("%s is %v, not a number", at, got)
		}
	case string:
		if _, ok := got.(string); !ok {
			t.Errorf("%s is %v, not a text", at, got)
		}
	}
}

func document(t *testing.T, run Run) []byte {
	t.Helper()
	text, err := json.Marshal(run)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTheDocumentOfARun(t *testing.T) {
	text, err := json.MarshalIndent(run(passed(), failed(), unasked(), lost()), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, filepath.Join("testdata", "mixed.json"), string(text)+"\n")
}

// A time that was never reached is null, not 0 and not left out; a list that is
// empty is a list.
func TestNothingIsWrittenAsNothing(t *testing.T) {
	never := string(document(t, run(unasked())))
	for _, want := range []string{`"detect_ms":null`, `"mitigate_ms":null`, `"restore_ms":null`, `"remedies":[]`, `"withheld":[]`, `"reason":"ledger`} {
		if !strings.Contains(never, want) {
			t.Errorf("no %s in %s", want, never)
		}
	}
	if empty := string(document(t, stopped())); !strings.Contains(empty, `"drills":[]`) {
		t.Errorf("no drills are not a list in %s", empty)
	}
}

func TestTheWorstVerdictCounts(t *testing.T) {
	order := []holdfast.Verdict{holdfast.Pass, holdfast.Skip, holdfast.Invalid, holdfast.Fail, holdfast.Aborted}
	for i, worse := range order {
		for _, better := range order[:i+1] {
			if got := Worst([]holdfast.Verdict{better, worse, better}); got != worse {
				t.Errorf("%s and %s are %s", better, worse, got)
			}
			if got := Worst([]holdfast.Verdict{worse, better}); got != worse {
				t.Errorf("%s and %s are %s", worse, better, got)
			}
		}
	}
	if got := Worst(nil); got != holdfast.Skip {
		t.Errorf("nothing drilled is %s, and must never be a pass", got)
	}
}

func TestAFigureOnItsBoundHolds(t *testing.T) {
	for got, want := range map[*Millis]string{
		nil: "restore never", millis(15_000): "restore 15s ≤15s", millis(15_000.1): "restore 15000.1ms >15s", millis(0): "restore 0s ≤15s",
	} {
		if text := strings.TrimSpace(figure("restore", got, 15_000)); text != want {
			t.Errorf("%q, want %q", text, want)
		}
	}
}

func TestAShareIsNeverRoundedToNothing(t *testing.T) {
	for share, want := range map[holdfast.Share]string{0: "0.00%", 1: "100.00%", 0.003: "0.30%", 0.0001: "0.01%", 0.000012: "0.001%"} {
		if got := percent(share); got != want {
			t.Errorf("%v is written %s, want %s", float64(share), got, want)
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1012: "1,012", 1_000_007: "1,000,007"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is written %s", n, got)
		}
	}
}

// A run may be a file that somebody sent. What is in it moves no cursor, paints
// nothing, and makes no line that looks like one of ours but where lines may be.
func TestAStrangersRunIsShownAsText(t *testing.T) {
	const evil = "\x1b[2J\x1b]0;x\a\u202e\x00\r"
	d := failed()
	d.Mode, d.Reason, d.Owner = "m"+evil, "first"+evil+"\nsecond"+evil, "o"+evil+"\nPASS"
	d.Help, d.Evidence = []string{"h" + evil + "\nPASS"}, []string{"e" + evil + "\nPASS"}
	d.Steps = []Step{{Name: "s" + evil, Took: 1}, {Name: StepReady, Took: 2}}
	text := Text(Run{Drills: []Drill{d}, Verdict: holdfast.Fail, Reason: "r" + evil}, false)
	if strings.ContainsAny(text, evil[:1]+"\a\u202e\x00\r") || strings.Contains(text, "\nPASS") {
		t.Errorf("%q", text)
	}
	for _, kept := range []string{"first", "\nsecond", "h", "e", "why: r"} {
		if !strings.Contains(text, kept) {
			t.Errorf("%q is not in %q", kept, text)
		}
	}
}

// A time that was not reached in a drill that fails was never reached, also where
// nobody asked meanwhile, and whoever shows it says so.
func TestNeverIsSaidByAll(t *testing.T) {
	d := failed()
	d.Sent, d.Failed, d.Late, d.Restore = 0, 0, 0, nil
	var page strings.Builder
	if err := HTML(&page, run(d)); err != nil {
		t.Fatal(err)
	}
	for name, shown := range map[string]string{"text": Text(run(d), false), "markdown": Markdown(run(d)), "page": page.String()} {
		if !strings.Contains(shown, "never") {
			t.Errorf("%s:\n%s", name, shown)
		}
	}
}

// What stood in is told apart, and that a PASS was waited out is said.
func TestWhoStoodInAndWhoWaitedIsSaid(t *testing.T) {
	said := Text(run(instead(), bridged()), false)
	for _, want := range []string{
		"411 by a fallback (300 a copy at most 3s old, 100 the declared body, 11 an answer of old-catalog)",
		"; 41 waited for a replica, p99 254ms, the longest 261ms",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
}
