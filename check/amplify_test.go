package check

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"holdfast"
)

// ofCode are the findings of one kind.
func ofCode(system *holdfast.System, code string) []Finding {
	var those []Finding
	all, _ := Judge(system, Facts{})
	for _, f := range all {
		if string(f.Code) == code {
			those = append(those, f)
		}
	}
	return those
}

// web is a system of services that need some of those after them.
func web(random *rand.Rand) *holdfast.System {
	system := &holdfast.System{Name: "web"}
	n := 3 + random.IntN(6)
	for i := range n {
		s := holdfast.Service{
			Name: holdfast.ServiceName(fmt.Sprint("s", i)), Command: "./s", Manage: holdfast.Full, Protocol: holdfast.HTTP, Replicas: 2, Minimum: 1,
		}
		if random.IntN(8) == 0 {
			s.Replicas = 1
		}
		if i == 0 || random.IntN(6) == 0 {
			s.Ports = []holdfast.Port{{Port: uint16(8000 + i)}}
		}
		for j := i + 1; j < n; j++ {
			if random.IntN(2) == 0 {
				d := holdfast.Dependency{On: holdfast.ServiceName(fmt.Sprint("s", j)), Required: random.IntN(6) > 0, Timeout: time.Second}
				if none := 0; random.IntN(6) == 0 {
					d.Retries = &none
				}
				s.DependsOn = append(s.DependsOn, d)
			}
		}
		system.Services = append(system.Services, s)
	}
	return system
}

// mostTries goes every way backwards from a service that fails: how many requests
// come to it for each that would.
func mostTries(system *holdfast.System, name holdfast.ServiceName) float64 {
	s, _ := system.Service(name)
	own := func(asks bool) float64 {
		if asks && s.Replicas > 1 {
			return 1.2
		}
		return 1
	}
	most := 1.0
	if len(s.Ports) > 0 {
		most = own(true)
	}
	for _, from := range system.Services {
		for _, d := range from.DependsOn {
			if d.On != name {
				continue
			}
			upstream := 1.0
			if d.Required {
				upstream = mostTries(system, from.Name)
			}
			most = max(most, upstream*own(d.Retries == nil))
		}
	}
	return most
}

// What is found is what going every way finds, and doing as it says until nothing
// is said ends with nobody asked too often.
func TestAFloodIsTheLargestOfAllWays(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	found := 0
	for range 600 {
		system := web(random)
		for rounds := 0; ; rounds++ {
			all := ofCode(system, "HF2202")
			worst := 0.0
			for _, s := range system.Services {
				worst = max(worst, mostTries(system, s.Name))
			}
			if len(all) == 0 {
				if worst >= tooOften-1e-9 {
					t.Fatalf("nothing is found, and a service is asked %.2f times: %+v", worst, system.Services)
				}
				break
			}
			if found++; !strings.Contains(all[0].Message, fmt.Sprintf("%.2f times", worst)) || rounds > 40 {
				t.Fatalf("round %d: %s, want %.2f times: %+v", rounds, all[0].Message, worst, system.Services)
			}
			for _, f := range all {
				mute(t, system, f)
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d of the systems had something to find", found)
	}
}

// mute does as a finding's help says.
func mute(t *testing.T, system *holdfast.System, f Finding) {
	t.Helper()
	muted := 0
	for i := range system.Services {
		for j := range system.Services[i].DependsOn {
			d := &system.Services[i].DependsOn[j]
			edge := holdfast.Edge{From: system.Services[i].Name, To: d.On}
			if none := 0; strings.Contains(f.Help, "`"+edge.String()+"`") {
				d.Retries = &none
				muted++
			}
		}
	}
	if muted == 0 {
		t.Fatalf("the help names no edge: %s", f.Help)
	}
}

func TestWhatIsSaidOfALongWay(t *testing.T) {
	text := "name: shop\nowner: us\nservices:\n  a0: {command: ./a, replicas: 2, ports: [\"8080\"], depends_on: [a1]}\n"
	for i := 1; i < 12; i++ {
		text += fmt.Sprintf("  a%d: {command: ./a, replicas: 2, depends_on: [a%d]}\n", i, i+1)
	}
	text += "  a12: {command: ./a, replicas: 2}\n"
	_, reading := read(t, "a long way", text)
	all := ofCode(reading.System, "HF2202")
	if len(all) != 1 {
		t.Fatalf("one way is told %d times", len(all))
	}
	f := all[0]
	want := fmt.Sprintf("`a12` gets up to %.2f times its requests when it fails: 13 levels on the way ask again", math.Pow(1.2, 13))
	if f.Message != want || !strings.Contains(f.Note, "users → a0 ×1.2 → a1 ×1.2 → a2 ×1.2 → a3 ×1.2 → … 4 more … → a8 ×1.2") ||
		!strings.Contains(f.Help, "and 4 more leaves up to 1.73 times") || len(f.Also) != 3 {
		t.Errorf("%+v", f)
	}
}

// Two ways that have nothing to do with each other are two findings.
func TestFloodsApartAreToldApart(t *testing.T) {
	text := "name: shop\nowner: us\nservices:\n"
	for _, one := range []string{"a", "b"} {
		text += fmt.Sprintf("  %[1]s0: {command: ./a, replicas: 2, ports: [\"80%[2]d\"], depends_on: [%[1]s1]}\n", one, one[0])
		text += fmt.Sprintf("  %[1]s1: {command: ./a, replicas: 2, depends_on: [%[1]s2]}\n  %[1]s2: {command: ./a, replicas: 2, depends_on: [%[1]s3]}\n  %[1]s3: {command: ./a, replicas: 2}\n", one)
	}
	_, reading := read(t, "two ways", text)
	var of []string
	for _, f := range ofCode(reading.System, "HF2202") {
		of = append(of, f.Of)
	}
	if got := strings.Join(of, " "); got != "a3 b3" {
		t.Errorf("told of %q", got)
	}
}
