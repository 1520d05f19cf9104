package spec

import (
	"testing"

	"holdfast"
	"holdfast/internal/golden"
)

func TestWhatAProcessIsBoundByIsExplained(t *testing.T) {
	system, problems := Read(open(t, "testdata/supervised.yaml"), environ())
	if system == nil {
		t.Fatalf("problems: %+v", problems)
	}
	ours := holdfast.System{Name: system.Name, Services: system.Services, Zones: system.Zones, Guardrails: system.Guardrails} // modes have tests of their own
	golden.Compare(t, "testdata/supervised.explain", inferences(&ours))
	db, _ := system.Service("db")
	if want := (holdfast.Limits{Memory: 3 << 29, CPU: 1.5, Files: 4096, Processes: 200}); db.Limits != want {
		t.Errorf("limits %+v, want %+v", db.Limits, want)
	}
	if db.EnvFiles[0] != "/srv/shop/common.env" || db.EnvFiles[1] != "/etc/shop/db.env" {
		t.Errorf("env_file %q", db.EnvFiles)
	}
	for _, f := range system.Modes {
		if f.Strikes.Service == "migrate" || f.Strikes.Caller == "migrate" {
			t.Errorf("what runs once has the failure mode %s", f.Name)
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{"256MiB": 256 << 20, "1.5 GiB": 3 << 29, "8192KiB": 8 << 20, "4MiB": 4 << 20} {
		if got, wrong := size(text); wrong != nil || got != want {
			t.Errorf("%s is %d, %+v", text, got, wrong)
		}
	}
	for text, help := range map[string]string{
		"512m": "write `512MiB`", "1gb": "write `1GiB`", "2k": "write `2KiB`", "100": "write `100MiB` if that is meant; units are `KiB`, `MiB` and `GiB`",
		"MiB": "write it like `256MiB` or `1.5GiB`", "1TiB": "write it like `256MiB` or `1.5GiB`", "-1MiB": "write it like `256MiB` or `1.5GiB`", "1e3MiB": "write it like `256MiB` or `1.5GiB`",
	} {
		if _, wrong := size(text); wrong == nil || wrong.help != help {
			t.Errorf("%s: %+v, want help %q", text, wrong, help)
		}
	}
}

func TestCores(t *testing.T) {
	for text, want := range map[string]float64{"50%": 0.5, "0.5": 0.5, "200%": 2, "12.5 %": 0.125, "1": 1} {
		if got, wrong := cores(text); wrong != nil || got != want {
			t.Errorf("%s is %v, %+v", text, got, wrong)
		}
	}
}
