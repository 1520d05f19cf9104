package spec

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/source"
)

func readFallbackOf(t *testing.T, written string) holdfast.Dependency {
	t.Helper()
	text := "name: shop\nowner: us\nx-empty: &empty {items: []}\nservices:\n  web: {command: ./web, depends_on: {ads: " + written + "}}\n  ads: {command: ./ads, replicas: 2}\n"
	file := source.File{Name: "holdfast.yaml", Text: []byte(text), Dir: "/srv/shop"}
	system, problems := Read(file, nil)
	if system == nil {
		t.Fatalf("%s\n%s", written, file.Show(problems, false))
	}
	web, _ := system.Service("web")
	return web.DependsOn[0]
}

func TestAFallbackIsReadAsWritten(t *testing.T) {
	for written, want := range map[string]string{
		`{items: [1, 2.5, 0x10, true, null, "<b>", no], x-y: {"1": '2', z: ~}}`: `{"items":[1,2.5,16,true,null,"<b>","no"],"x-y":{"1":"2","z":null}}`,
		`'{"items": [ ]}'`:        `{"items":[]}`,
		`'nothing'`:               `"nothing"`,
		`0`:                       `0`,
		`*empty`:                  `{"items":[]}`,
		`{<<: *empty, n: "${N}"}`: `{"n":"${N}","items":[]}`,
	} {
		d := readFallbackOf(t, "{fallback: {json: "+written+", stale: 10m}}")
		if d.Fallback == nil || d.Fallback.Body != want || d.Fallback.Stale != 10*time.Minute || !json.Valid([]byte(d.Fallback.Body)) {
			t.Errorf("%s is read as %+v, want %s", written, d.Fallback, want)
		}
	}
	if d := readFallbackOf(t, "{fallback: {file: empty/ads.json}}"); d.Fallback.File != "/srv/shop/empty/ads.json" {
		t.Errorf("the file is %s", d.Fallback.File)
	}
}

func TestWhatHasAFallbackIsNotRequiredUnlessTheFileSaysSo(t *testing.T) {
	for written, required := range map[string]bool{
		"{timeout: 1s}":                          true,
		"{fallback: {json: {}}}":                 false,
		"{required: true, fallback: {json: {}}}": true,
	} {
		if d := readFallbackOf(t, written); d.Required != required {
			t.Errorf("%s: required %v", written, d.Required)
		}
	}
}

func TestExplainSaysWhatIsAnsweredInstead(t *testing.T) {
	system := &holdfast.System{Services: []holdfast.Service{
		{Name: "web", DependsOn: []holdfast.Dependency{{On: "ads", Timeout: time.Second, Fallback: &holdfast.Fallback{Body: "{}", Stale: 10 * time.Minute}}}},
		{Name: "ads"},
	}}
	said := map[string]string{}
	for _, i := range Explain(system) {
		said[i.Path] = i.Value + "; " + i.Because
	}
	if got := said["services.web.depends_on.ads"]; !strings.HasPrefix(got, "covered, 1s") {
		t.Errorf("the need: %s", got)
	}
	if got := said["services.web.depends_on.ads.fallback"]; !strings.HasPrefix(got, "a copy of the last good answer, at most 10m old, else 2 bytes of JSON") {
		t.Errorf("the fallback: %s", got)
	}
}
