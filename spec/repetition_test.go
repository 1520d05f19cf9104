package spec

import (
	"strings"
	"testing"

	"holdfast/source"
)

func TestHowOftenADependencyIsAskedIsReadAsWritten(t *testing.T) {
	none, two, yes, no := 0, 2, true, false
	for written, want := range map[string]struct {
		retries    *int
		idempotent *bool
		repeats    bool
	}{
		"{timeout: 1s}":                   {repeats: true},
		"{retries: 0}":                    {retries: &none},
		"{retries: 2}":                    {retries: &two, repeats: true},
		"{idempotent: true}":              {idempotent: &yes, repeats: true},
		"{idempotent: false}":             {idempotent: &no},
		"{retries: 2, idempotent: false}": {retries: &two, idempotent: &no},
		"{retries: 0, idempotent: true}":  {retries: &none, idempotent: &yes},
	} {
		d := readFallbackOf(t, written)
		if !same(d.Retries, want.retries) || !same(d.Idempotent, want.idempotent) || d.Repeats() != want.repeats {
			t.Errorf("%s is read as %v, %v; repeats %v", written, d.Retries, d.Idempotent, d.Repeats())
		}
	}
}

func same[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

func TestHowOftenIsABoundedNumber(t *testing.T) {
	text := "name: shop\nowner: us\nservices:\n  web: {command: ./web, depends_on: {ads: {retries: 4}, api: {retries: -1, idempotent: yes}}}\n  ads: &two {command: ./ads, replicas: 2}\n  api: *two\n"
	_, problems := Read(source.File{Name: "holdfast.yaml", Text: []byte(text), Dir: "/srv/shop"}, nil)
	var found []string
	for _, p := range problems {
		found = append(found, string(p.Code)+" "+p.Message)
	}
	want := "HF1110 retries: 4 is more than 3, HF1110 retries: -1 is less than 0, HF1115 idempotent: `yes` is neither true nor false"
	if got := strings.Join(found, ", "); got != want {
		t.Errorf("found %s, want %s", got, want)
	}
}

func TestExplainSaysHowOftenADependencyIsAsked(t *testing.T) {
	for written, want := range map[string]map[string]string{
		"":                                 {"retries": "1 after a failure, 2 while few fail, up to 2 beside a replica that is late", "idempotent": "GET, HEAD, OPTIONS"},
		"retries: 0":                       {"retries": "none", "idempotent": ""},
		"retries: 0, idempotent: true":     {"retries": "none", "idempotent": ""},
		"retries: 2":                       {"retries": "at most 2", "idempotent": "GET, HEAD, OPTIONS"},
		"idempotent: true":                 {"retries": "1 after a failure", "idempotent": "every request"},
		"retries: 3, idempotent: false":    {"retries": "", "idempotent": "no request"},
		"} , db: {retries: 1, timeout: 2s": {"retries": "1 after a failure", "idempotent": "GET, HEAD, OPTIONS"},
	} {
		text := "name: shop\nowner: us\nservices:\n  web: {command: ./web, depends_on: {ads: {" + written + "}}}\n  ads: {command: ./ads, replicas: 2}\n" +
			"  db: {command: ./db, replicas: 2, protocol: tcp, healthcheck: {send: a, expect: b}}\n"
		file := source.File{Name: "holdfast.yaml", Text: []byte(text), Dir: "/srv/shop"}
		system, problems := Read(file, nil)
		if system == nil {
			t.Fatalf("%s\n%s", written, file.Show(problems, false))
		}
		said := map[string]string{}
		for _, i := range Explain(system) {
			said[i.Path] = i.Value
		}
		for key, begins := range want {
			got, is := said["services.web.depends_on.ads."+key]
			if is != (begins != "") || !strings.HasPrefix(got, begins) {
				t.Errorf("%q: %s is said to be %q, want %q", written, key, got, begins)
			}
		}
		if got, is := said["services.web.depends_on.db.retries"]; is {
			t.Errorf("%q: bytes are said to be repeated: %s", written, got)
		}
	}
}
