package spec

import (
	"strings"
	"testing"
	"time"

	"holdfast/source"
)

func TestWhatAPromiseLeavesOutIsExplained(t *testing.T) {
	file := source.File{Name: "holdfast.yaml", Dir: "/srv", Text: []byte("name: shop\nowner: us\npromises:\n  checkout: {service: web, route: /checkout, target: 99.95%}\n  all: {target: 99%}\nservices:\n  web: {command: ./web, replicas: 2, ports: [\"8080\"]}\n")}
	system, problems := Read(file, map[string]string{})
	if system == nil {
		t.Fatal(problems)
	}
	var lines []string
	for _, i := range Explain(system) {
		if strings.HasPrefix(i.Path, "promises.") {
			lines = append(lines, i.Path+" "+i.Value)
		}
	}
	want := "promises.checkout 99.95% over 28d, promises.all 99% over 28d, promises.all.service all that are published, promises.all.route every one"
	if got := strings.Join(lines, ", "); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestWhatCountsAsGoodIsExplained(t *testing.T) {
	file := source.File{Name: "holdfast.yaml", Dir: "/srv", Text: []byte("name: shop\nowner: us\npromises:\n  fast: {target: 99%, within: 250ms}\n  whole: {target: 99%, degraded: bad}\n  any: {target: 99%, degraded: good}\nservices:\n  web: {command: ./web, replicas: 2, ports: [\"8080\"]}\n")}
	system, problems := Read(file, map[string]string{})
	if system == nil {
		t.Fatal(problems)
	}
	because := map[string]string{}
	for _, i := range Explain(system) {
		because[i.Path] = i.Because
	}
	for path, want := range map[string]string{
		"promises.fast":  "an answer that begins within 250ms is a good one, whatever it says",
		"promises.whole": "a status below 500 is a good answer, unless it is degraded",
		"promises.any":   "a status below 500 is a good answer",
	} {
		if because[path] != want {
			t.Errorf("%s: %q, want %q", path, because[path], want)
		}
	}
	if fast, whole := system.Promises[0], system.Promises[1]; fast.Within != 250*time.Millisecond || fast.Whole || !whole.Whole || whole.Within != 0 {
		t.Errorf("read as %+v and %+v", fast, whole)
	}
}

func TestWhereReplicasAreIsExplained(t *testing.T) {
	file := source.File{Name: "holdfast.yaml", Dir: "/srv", Text: []byte("name: shop\nowner: us\nzones: [a, b]\nservices:\n  web: {command: ./web, replicas: 2, ports: [\"8080\"]}\n  bank: {urls: [\"http://bank.example\"]}\n  mail: {urls: [\"http://mail.example\"], zones: [b]}\n")}
	system, problems := Read(file, map[string]string{})
	if system == nil {
		t.Fatal(problems)
	}
	var lines []string
	for _, i := range Explain(system) {
		if strings.HasSuffix(i.Path, "zones") {
			lines = append(lines, i.Path+": "+i.Value)
		}
	}
	want := "services.web.zones: web-1 in a, web-2 in b; services.bank.zones: none; services.mail.zones: mail-1 in b"
	if got := strings.Join(lines, "; "); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
