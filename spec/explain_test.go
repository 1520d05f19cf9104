package spec

import (
	"strings"
	"testing"

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
