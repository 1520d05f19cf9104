package prove

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/load"
)

// webDown is web-1 of two, whose hook broke it at 10 s and mended it at 14 s, and
// which all went well with: noticed after 1.5 s, nobody hurt.
func webDown() hookFacts {
	hook := &holdfast.Hook{Break: "stop web", Mend: "start web", Timeout: time.Minute}
	f := hookFacts{facts: facts{
		mode: holdfast.FailureMode{
			Name: "web.crash", Strikes: holdfast.Target{Service: "web"}, Kind: "crash",
			Bounds: holdfast.Bounds{Detect: 3 * time.Second, Mitigate: 3 * time.Second, Restore: 15 * time.Second, Impact: 0.001},
		},
		by:       holdfast.Drill{Fault: "hook", Hook: hook},
		service:  holdfast.Service{Name: "web", Manage: holdfast.Route, Replicas: 2, URLs: []string{"http://a", "http://b"}},
		victim:   holdfast.Victim{ID: holdfast.ReplicaID{Service: "web", Ordinal: 1, Incarnation: 1}},
		injected: 10 * time.Second, undone: 14 * time.Second, ended: 17 * time.Second,
		witness: "web-1, asked itself: connect: connection refused", reached: 400,
	}}
	for at := 9 * time.Second; at < f.ended; at += 10 * time.Millisecond {
		f.results = append(f.results, load.Result{Target: "web:80", Intended: int64(at), Sent: int64(at), Ended: int64(at + time.Millisecond), Status: 200})
	}
	f.say(11*time.Second, holdfast.Ejected{ID: f.victim.ID, Sign: "refused", Detail: "GET /: connection refused", Remaining: 1})
	f.say(11500*time.Millisecond, event.Detected{Mode: "web.crash", ID: f.victim.ID, Sign: "refused"})
	f.say(11500*time.Millisecond, event.Escalated{Mode: "web.crash", ID: f.victim.ID, Owner: "me"})
	f.say(14200*time.Millisecond, holdfast.Admitted{ID: f.victim.ID})
	return f
}

func (f *hookFacts) say(at time.Duration, body event.Body) {
	f.entries = append(f.entries, event.Entry{At: event.At{Boot: at}, Body: body})
}

// hurt makes every request due in a span fail.
func (f *hookFacts) hurt(from, to time.Duration) {
	f.results = slices.Clone(f.results)
	for i, r := range f.results {
		if r.Intended >= int64(from) && r.Intended < int64(to) {
			f.results[i].Failed, f.results[i].Status, f.results[i].Error = true, 0, "connect: connection refused"
		}
	}
}

func TestKeptEvidenceIsNoRemedy(t *testing.T) {
	f := webDown()
	f.say(12*time.Second, event.Decided{Mode: "web.crash", ID: f.victim.ID, Do: event.ActCapture})
	if drill := f.judge(); len(drill.Remedies) > 0 {
		t.Errorf("remedies %q", drill.Remedies)
	}
}

func TestTheVerdictOfAHookDrill(t *testing.T) {
	for name, c := range map[string]struct {
		spoil   func(*hookFacts)
		verdict holdfast.Verdict
		tells   string
	}{
		"all well":          {spoil: func(*hookFacts) {}, verdict: holdfast.Pass},
		"nobody saw it":     {spoil: func(f *hookFacts) { f.witness = "" }, verdict: holdfast.Invalid, tells: `asked itself, after "stop web" had ended well`},
		"too few asked":     {spoil: func(f *hookFacts) { f.reached = 199 }, verdict: holdfast.Invalid, tells: "--rate"},
		"the load lagged":   {spoil: func(f *hookFacts) { f.lagP99 = time.Second }, verdict: holdfast.Invalid, tells: lagging},
		"a starved machine": {spoil: func(f *hookFacts) { f.stalled = time.Second }, verdict: holdfast.Invalid, tells: starved},
		"the load broke":    {spoil: func(f *hookFacts) { f.broken = "the load ended" }, verdict: holdfast.Invalid, tells: "the load ended"},
		"never noticed":     {spoil: func(f *hookFacts) { f.entries = f.entries[:1] }, verdict: holdfast.Fail, tells: "it was never detected"},
		"noticed late":      {spoil: func(f *hookFacts) { f.entries[1].At.Boot = 13500 * time.Millisecond }, verdict: holdfast.Fail, tells: "noticing it took 3.5s"},
		"felt to the mend":  {spoil: func(f *hookFacts) { f.hurt(10*time.Second, 14*time.Second) }, verdict: holdfast.Fail, tells: "users were whole only after 4s"},
		"felt for a moment": {spoil: func(f *hookFacts) { f.hurt(10*time.Second, 10200*time.Millisecond) }, verdict: holdfast.Fail, tells: "requests were hurt; the first: GET web:80 connect: connection refused"},
		"forgot to mend":    {spoil: func(f *hookFacts) { f.entries = f.entries[:3] }, verdict: holdfast.Fail, tells: `web was not whole again 3s after "start web", which had ended well; web-1 by refused: GET /: connection refused`},
		"left something":    {spoil: func(f *hookFacts) { f.residue = []string{"gateway (pid 7) is stopped"} }, verdict: holdfast.Fail, tells: "left something behind"},
	} {
		f := webDown()
		c.spoil(&f)
		if got := f.judge(); got.Verdict != c.verdict || !strings.Contains(got.Reason, c.tells) {
			t.Errorf("%s: %s, %q; want %s, %q", name, got.Verdict, got.Reason, c.verdict, c.tells)
		}
	}
}

// Restoration counts from the mend where only we could mend, and from the break
// where somebody else did before us.
func TestRestorationCountsFromWhoeverMended(t *testing.T) {
	f := webDown()
	if got := f.judge(); got.Restore == nil || *got.Restore != 200 || *got.Mitigate != 0 || *got.Detect != 1500 || *got.Eject != 1000 || !got.Escalated {
		t.Errorf("got %+v", got)
	}
	f.entries[3].At.Boot = 12 * time.Second
	if got := f.judge(); got.Restore == nil || *got.Restore != 2000 {
		t.Errorf("mended by somebody else after 2 s: %+v", got)
	}
}

// What a mend does to users while it mends is not the fault's doing, though it
// hurts them.
func TestAMendThatHurtsDoesNotUndoTheMitigation(t *testing.T) {
	f := webDown()
	f.hurt(14*time.Second, 14100*time.Millisecond)
	got := f.judge()
	if got.Mitigate == nil || *got.Mitigate != 0 || got.Failed != 10 || got.Verdict != holdfast.Fail {
		t.Errorf("got %+v", got)
	}
}

// What a fallback answers is counted, whatever broke what it stands in for.
func TestAFallbackIsSeenInAHookDrillToo(t *testing.T) {
	f := webDown()
	for i := range 150 {
		f.results[i].Degraded = true // a hundred of them before the break
	}
	if got := f.judge(); got.Degraded != 50 {
		t.Errorf("%d degraded, want 50", got.Degraded)
	}
}

// Whoever needs what speaks no HTTP may be asked over HTTP, and is told apart.
func TestWhoWasHurtIsSaidAsItWasAsked(t *testing.T) {
	f := webDown()
	f.service.Protocol = holdfast.TCP
	f.hurt(10*time.Second, 11*time.Second)
	if got := f.judge(); !strings.Contains(got.Reason, "the first: GET web:80 connect") {
		t.Errorf("over HTTP: %q", got.Reason)
	}
	for i := range f.results {
		f.results[i].Bare = true
	}
	if got := f.judge(); !strings.Contains(got.Reason, "the first: a connection to web:80 connect") {
		t.Errorf("bare: %q", got.Reason)
	}
}

func TestWhatTheWitnessSees(t *testing.T) {
	at := func(ms int, took int, change func(*load.Result)) load.Result {
		r := load.Result{Target: "web-1", Intended: int64(ms) * 1e6, Ended: int64(ms+took) * 1e6, Status: 200}
		if change != nil {
			change(&r)
		}
		return r
	}
	before := []load.Result{at(8000, 5, nil), at(9000, 30, nil)}
	for name, c := range map[string]struct {
		after load.Result
		want  string
	}{
		"well":           {after: at(10_100, 20, nil)},
		"a bit slower":   {after: at(10_100, 110, nil)},
		"much slower":    {after: at(10_100, 130, nil), want: "an answer in 130ms where 30ms was usual"},
		"refused":        {after: at(10_100, 1, func(r *load.Result) { r.Error, r.Failed = "connect: connection refused", true }), want: "connect: connection refused after 101ms"},
		"another status": {after: at(10_100, 1, func(r *load.Result) { r.Status, r.Failed = 503, true }), want: "status 503"},
		"too early":      {after: at(9_990, 500, func(r *load.Result) { r.Error, r.Failed = "answer: timeout", true })},
	} {
		if got := sawItself(append(slices.Clone(before), c.after), 10*time.Second); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: it saw %q, want %q", name, got, c.want)
		}
	}
}

// elsewhere is a file with what runs elsewhere: observed, routed, bare.
func elsewhere(allow ...holdfast.ServiceName) *holdfast.System {
	return &holdfast.System{Name: "site", Prove: holdfast.Consent{Allow: allow}, Services: []holdfast.Service{
		{Name: "web", Command: "./web", Manage: holdfast.Full, Protocol: holdfast.HTTP, Replicas: 1, Ports: []holdfast.Port{{Port: 80}}, DependsOn: []holdfast.Dependency{{On: "bank", Required: true}}},
		{Name: "bank", URLs: []string{"http://a.example/up", "http://b.example/up"}, Manage: holdfast.Route, Protocol: holdfast.HTTP, Replicas: 2},
		{Name: "mail", URLs: []string{"https://mail.example/up"}, Manage: holdfast.Observe, Protocol: holdfast.HTTP, Replicas: 1},
		{Name: "cache", URLs: []string{"tcp://cache.example:6379"}, Manage: holdfast.Observe, Protocol: holdfast.TCP, Replicas: 1, Healthcheck: holdfast.Healthcheck{Send: "PING\r\n", Expect: "PONG"}},
	}}
}

// Load goes only where this run may touch, and there by the way users take.
func TestLoadGoesWhereTheFileAllows(t *testing.T) {
	addresses := map[holdfast.ListenerName]string{"web:80": "127.0.0.1:1", "web/bank": "127.0.0.1:2"}
	struck := []holdfast.ServiceName{"bank", "mail", "cache"}
	for allow, want := range map[string]string{
		"":                "",
		"bank":            "web:80 http://127.0.0.1:1/, web/bank http://127.0.0.1:2/",
		"mail":            "mail-1 https://mail.example/up",
		"cache":           "cache-1 tcp://cache.example:6379",
		"bank mail cache": "web:80 http://127.0.0.1:1/, mail-1 https://mail.example/up, cache-1 tcp://cache.example:6379, web/bank http://127.0.0.1:2/",
	} {
		var allowed []holdfast.ServiceName
		for _, name := range strings.Fields(allow) {
			allowed = append(allowed, holdfast.ServiceName(name))
		}
		system := elsewhere(allowed...)
		var got []string
		for _, asked := range weigh(targets(system, struck, addresses), "") {
			got = append(got, asked.Name+" "+asked.URL)
			if (asked.Expect == "PONG") != strings.HasPrefix(asked.URL, "tcp:") {
				t.Errorf("%s is told and must say %q, %q", asked.Name, asked.Send, asked.Expect)
			}
		}
		if text := strings.Join(got, ", "); text != want {
			t.Errorf("allowed %q: load goes to %q, want %q", allow, text, want)
		}
		if got := targets(onlyPrivate(system), struck, addresses); len(got) > 0 {
			t.Errorf("allowed %q, and not live: load goes to %v", allow, got)
		}
	}
}

func TestWhatMayNotBeTouchedIsSkippedWithTheNextStep(t *testing.T) {
	mode := func(name holdfast.ServiceName) holdfast.FailureMode {
		return holdfast.FailureMode{Name: holdfast.ModeName(name + ".crash"), Strikes: holdfast.Target{Service: name}, Drills: []holdfast.Drill{{Fault: "hook", Hook: &holdfast.Hook{Break: "b", Mend: "m"}}}}
	}
	for _, c := range []struct {
		name  holdfast.ServiceName
		allow bool
		live  bool
		tells string
	}{
		{name: "web"}, {name: "web", live: true}, {name: "mail", allow: true, live: true},
		{name: "mail", live: true, tells: "prove: {allow: [mail]}"},
		{name: "mail", allow: true, tells: "prove --live --dry-run mail.crash"},
		{name: "mail", tells: "prove: {allow: [mail]}"},
	} {
		system := elsewhere()
		if c.allow {
			system = elsewhere(c.name)
		}
		why := Untouchable(system, c.live, mode(c.name))
		if (why == "") != (c.tells == "") || !strings.Contains(why, c.tells) {
			t.Errorf("%+v: %q", c, why)
		}
		touched := fmt.Sprint(Touched(Options{System: system, Live: c.live, Modes: []holdfast.FailureMode{mode(c.name)}}))
		if touches := strings.Contains(touched, "in earnest"); touches != (c.tells == "" && c.name != "web") {
			t.Errorf("%+v: it says that it touches %s", c, touched)
		}
	}
}

// What would have helped is said of a hook's drill, too.
func TestWhatHelpsAgainstAHook(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*hookFacts)
		want  string
	}{
		"all well":       {spoil: func(*hookFacts) {}},
		"there is one":   {spoil: func(f *hookFacts) { f.service.Replicas = 1 }, want: "a second one under `urls` of web: there was nothing else to ask"},
		"nobody between": {spoil: func(f *hookFacts) { f.service.Manage = holdfast.Observe }, want: "`manage: route` and `ports` for web: its others would be asked in its place"},
		"all are struck": {spoil: func(f *hookFacts) { f.victim.ID.Ordinal, f.service.Replicas = 0, 1 }},
	} {
		f := webDown()
		c.spoil(&f)
		if name != "all well" {
			f.hurt(10*time.Second, 11*time.Second)
		}
		if got := strings.Join(f.judge().Help, "\n"); got != c.want {
			t.Errorf("%s: helps %q, want %q", name, got, c.want)
		}
	}
}

// A hook's steps add up, whoever mended it.
func TestTheStepsOfAHookDrillAddUp(t *testing.T) {
	f := webDown()
	if d := f.judge(); len(d.Steps) != 1 || d.Steps[0].Took != *d.Restore {
		t.Errorf("restored in %v by %+v", *d.Restore, d.Steps)
	}
	f.entries[3].At.Boot = 12 * time.Second
	d := f.judge()
	if len(d.Steps) != 2 || d.Steps[0].Took != 1500 || d.Steps[1].Took != 500 || d.Timeline[0].Text != "break: stop web" || !d.Live {
		t.Errorf("restored in %v by %+v, %+v", *d.Restore, d.Steps, d.Timeline)
	}
}
