package spec

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast"
	"holdfast/internal/golden"
	"holdfast/source"
)

// The ten lines that drill what already runs become exactly this.
func TestTenLines(t *testing.T) {
	system, problems := Read(open(t, "testdata/existing.yaml"), environ())
	if system == nil {
		t.Fatalf("problems: %+v", problems)
	}
	web := system.Services[0]
	if web.Manage != holdfast.Observe || web.Healthcheck.Path != "/up" || web.Healthcheck.TLS || web.Replicas != 1 {
		t.Errorf("the service is %+v", web)
	}
	if diff := cmp.Diff([]holdfast.ServiceName{"web"}, system.Prove.Allow); diff != "" {
		t.Error(diff)
	}
	if len(system.Modes) != 1 {
		t.Fatalf("want the one mode that has a drill, got %+v", system.Modes)
	}
	crash := system.Modes[0]
	want := []holdfast.Drill{{Fault: "hook", Hook: &holdfast.Hook{
		Break: "systemctl kill -s KILL nginx", Mend: "systemctl start nginx", Dir: "/srv/shop", Timeout: 30 * time.Second,
	}}}
	if diff := cmp.Diff(want, crash.Drills); diff != "" {
		t.Error(diff)
	}
	if len(crash.Remedies) != 0 || crash.Bounds.Detect != 3*time.Second {
		t.Errorf("nothing that we did not start is restarted, and a check may be an interval away: %+v", crash)
	}
	golden.Compare(t, "testdata/existing.explain", inferences(system))
}

func TestAHookStrikesWhomItNames(t *testing.T) {
	for words, want := range map[string]struct{ whole, hooks bool }{
		"break: docker pause web, mend: docker unpause web":                                         {whole: true, hooks: true},
		"break: docker pause $REPLICA, mend: docker unpause $REPLICA":                               {hooks: true},
		`break: "sh -c 'fuser -k $PORT/tcp'", mend: ./start.sh`:                                     {hooks: true},
		"break: [docker, pause, web], mend: [docker, unpause, web]":                                 {whole: true, hooks: true},
		"break: docker pause web, mend: docker unpause web, hook_timeout: 5s, bounds: {detect: 9s}": {whole: true, hooks: true},
	} {
		text := "name: shop\nowner: us\nservices:\n  web:\n    urls: [\"http://a.example/\", \"http://b.example/\"]\n    manage: route\n    failure_modes: {hang: {" + words + "}}\n"
		system, problems := Read(source.File{Name: "holdfast.yaml", Text: []byte(text), Dir: "/srv/shop"}, environ())
		if system == nil || len(system.Modes) != 1 {
			t.Errorf("%s: %+v", words, problems)
			continue
		}
		hang := system.Modes[0]
		if hang.Drills[0].Hook.Whole != want.whole {
			t.Errorf("%s: strikes all of it: %v", words, hang.Drills[0].Hook.Whole)
		}
		if diff := cmp.Diff([]holdfast.Remedy{holdfast.RemedyEject}, hang.Remedies); diff != "" {
			t.Errorf("%s: what is routed by us is ejected, and nothing else: %s", words, diff)
		}
	}
}

// A hook takes the place of the standard fault, and only of that.
func TestAHookOfACommandKeepsItsMode(t *testing.T) {
	text := "name: shop\nowner: us\nservices:\n  web:\n    command: ./web\n    replicas: 2\n    failure_modes: {hang: {break: kill -STOP $PID, mend: kill -CONT $PID}}\n"
	system, problems := Read(source.File{Name: "holdfast.yaml", Text: []byte(text), Dir: "/srv/shop"}, environ())
	if system == nil {
		t.Fatalf("problems: %+v", problems)
	}
	hang, _ := system.Mode("web.hang")
	crash, _ := system.Mode("web.crash")
	if hang.Drills[0].Fault != holdfast.FaultHook || hang.Drills[0].Hook.Whole || crash.Drills[0].Fault != "kill" || crash.Drills[0].Hook != nil {
		t.Errorf("hang by %+v, crash by %+v", hang.Drills, crash.Drills)
	}
	if len(hang.Remedies) != 2 || hang.Bounds.Detect != 3*time.Second {
		t.Errorf("the rest of the mode is as it was: %+v", hang)
	}
}

func TestURLsOverTLSAreAskedOverTLS(t *testing.T) {
	text := "name: shop\nowner: us\nservices:\n  bank: {urls: [\"https://a.example/up?x=1\", \"https://b.example/up?x=1\"]}\n  cache: {urls: [\"tcp://a.example:6379\"]}\n"
	system, problems := Read(source.File{Name: "holdfast.yaml", Text: []byte(text), Dir: "/srv/shop"}, environ())
	if system == nil {
		t.Fatalf("problems: %+v", problems)
	}
	if h := system.Services[0].Healthcheck; !h.TLS || h.Path != "/up?x=1" {
		t.Errorf("the check is %+v", h)
	}
	if s := system.Services[1]; s.Protocol != holdfast.TCP || s.Healthcheck.Path != "" {
		t.Errorf("the cache is %+v", s)
	}
}

// Line ends are part of what is said, written either way.
func TestWordsAreSaidAsTheyAre(t *testing.T) {
	for written, want := range map[string]string{`"PING\r\n"`: "PING\r\n", `PING\r\n`: "PING\r\n", `'  a\\b$X '`: `  a\b$X `} {
		text := "name: shop\nowner: us\nservices:\n  cache: {urls: [\"tcp://a.example:6379\"], healthcheck: {send: " + written + ", expect: +PONG}}\n"
		system, problems := Read(source.File{Name: "holdfast.yaml", Text: []byte(text), Dir: "/srv/shop"}, environ())
		if system == nil || len(problems) > 0 {
			t.Errorf("%s: %+v", written, problems)
			continue
		}
		if h := system.Services[0].Healthcheck; h.Send != want || h.Expect != "+PONG" {
			t.Errorf("%s is said %q, and %q expected", written, h.Send, h.Expect)
		}
	}
}
