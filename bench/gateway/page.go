package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

const head = "# Gateways side by side\n\n" +
	"What users see while one of three replicas is broken, and what a request costs, with Holdfast's gateway and with others, each on the same\n" +
	"replicas. `go run ./bench/gateway` measures it again (root, `apt-get install haproxy nginx-light nftables`), `-write` writes this page. Who knows a\n" +
	"better configuration of a peer is asked to send it.\n\n"

// writePage writes the page of all that was measured, where one is wished.
func writePage(ctx context.Context, w wish) error {
	if w.write == "" {
		return nil
	}
	all, err := readBook(w.results)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fmt.Errorf("%s: nothing was measured yet: run without -page first", w.results)
	}
	text, err := render(all, conditions(ctx))
	if err != nil {
		return err
	}
	return os.WriteFile(w.write, text, 0o644)
}

func render(all []result, conditions string) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(head + conditions + weathers(all) + versions(all) + barTable(all))
	for _, method := range []string{"GET", "POST"} {
		out.WriteString(raceTable(all, method))
	}
	out.WriteString(costTable(all, "cpu", fmt.Sprintf("CPU per request\n\nThe peer on one processor, %d kept connections, a GET of six headers answered with 1 KiB, as fast as it goes: utime and stime of all of a\npeer's processes.", connections)))
	out.WriteString(memoryTable(all))
	out.WriteString(costTable(all, "tcp", "TCP mode\n\nThe same requests through gateways that know nothing of them, per request."))
	err := writeConfigs(&out)
	return out.Bytes(), err
}

func conditions(ctx context.Context) string {
	kernel, _ := exec.CommandContext(ctx, "uname", "-sr").Output()
	return fmt.Sprintf("%d processors, loopback, %s, %s, %s.", runtime.NumCPU(), strings.TrimSpace(string(kernel)), runtime.Version(), time.Now().Format("January 2006"))
}

func versions(all []result) string {
	seen := map[string][]string{}
	var order []string
	for _, r := range all {
		if len(seen[r.Peer]) == 0 {
			order = append(order, r.Peer)
		}
		if !slices.Contains(seen[r.Peer], r.Version) {
			seen[r.Peer] = append(seen[r.Peer], r.Version)
		}
	}
	slices.Sort(order)
	var out []string
	for _, name := range order {
		out = append(out, name+" "+strings.Join(seen[name], ", "))
	}
	return "Measured: " + strings.Join(out, " · ") + ".\n\n" + legend
}

// weathers is what else the machine had to do meanwhile.
func weathers(all []result) string {
	of := func(figure func(result) float64) []float64 {
		var seen []float64
		for _, r := range all {
			seen = append(seen, figure(r))
		}
		slices.Sort(seen)
		return seen
	}
	return fmt.Sprintf(" Load average before a measurement, the last ones' own included, %s; time that the host gave\nto others meanwhile %s %%; median (range) of %d measurements.\n\n",
		spread("%.1f", of(func(r result) float64 { return r.Load })), spread("%.1f", of(func(r result) float64 { return 100 * r.Steal })), len(all))
}

// A bar is what Holdfast is held to beside others.
type bar struct {
	says  string
	ours  float64
	limit float64 // 0 where there is nothing to compare with
	unit  string
}

// bars are those that were measured.
func bars(all []result) []bar {
	cpu, tcp, memory := of(all, ofPart("cpu")), of(all, ofPart("tcp")), of(all, ofPart("memory"))
	cost := func(r result) float64 { return micros(r.CPU) }
	ours := middle(figures(cpu, holdfastFile, cost))
	return []bar{
		{says: "CPU per request, at most 2.2 times HAProxy's", ours: ours, limit: 2.2 * middle(figures(cpu, "haproxy/expert", cost)), unit: "µs"},
		{says: "CPU per request, below Caddy's", ours: ours, limit: cheapest(cpu, "caddy", cost), unit: "µs"},
		{says: "CPU per request, below Traefik's", ours: ours, limit: cheapest(cpu, "traefik", cost), unit: "µs"},
		{says: fmt.Sprintf("memory with %d connections that wait", held), ours: middle(figures(memory, holdfastFile, waitingMB)), limit: 150, unit: "MB"},
		{says: "TCP mode, CPU at most 1.3 times HAProxy's", ours: middle(figures(tcp, holdfastFile, cost)), limit: 1.3 * middle(figures(tcp, "haproxy/expert", cost)), unit: "µs"},
	}
}

// cheapest is what a peer costs in the configuration that costs least.
func cheapest(rows []result, peer string, cost func(result) float64) (least float64) {
	for _, v := range []variant{small, expert} {
		if one := middle(figures(rows, peer+"/"+string(v), cost)); least == 0 || one > 0 && one < least {
			least = one
		}
	}
	return least
}

const holdfastFile = "holdfast/" + string(file)

func ofPart(part string) func(result) bool { return func(r result) bool { return r.Part == part } }

func waitingMB(r result) float64 { return float64(r.Bytes) / 1e6 }
func activeMB(r result) float64  { return float64(r.Active) / 1e6 }

func barTable(all []result) string {
	var out strings.Builder
	for _, b := range bars(all) {
		if b.ours == 0 || b.limit == 0 {
			continue
		}
		held := "kept"
		if b.ours > b.limit {
			held = "**broken**"
		}
		fmt.Fprintf(&out, "| %s | %.1f %s | %.1f %s | %s |\n", b.says, b.limit, b.unit, b.ours, b.unit, held)
	}
	if out.Len() == 0 {
		return ""
	}
	return "## What Holdfast is held to\n\n| bar | is | measured | |\n|---|---|---|---|\n" + out.String() + "\n"
}

const legend = "Each peer stands here as *small* (the least that routes) and *expert* (POSTs sent again as GETs are), for POST also as *safe* (nothing that is not idempotent is\n" +
	"sent twice). Holdfast's file is one: three addresses and a health path.\n\n"

// of are the results of a part, by a row of it, in the order of the page.
func of(all []result, has func(result) bool) []result {
	return slices.DeleteFunc(slices.Clone(all), func(r result) bool { return !has(r) })
}

// contenders are who was measured, Holdfast first.
func contenders(all []result) []string {
	var names []string
	for _, r := range all {
		if name := r.Peer + "/" + r.Variant; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	rank := func(name string) int {
		_, v, _ := strings.Cut(name, "/")
		return slices.Index([]string{string(file), string(safe), string(expert), string(small)}, v)
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Or(rank(a)-rank(b), strings.Compare(a, b)) })
	return names
}

func raceTable(all []result, method string) string {
	race := of(all, func(r result) bool { return r.Part == "race" && r.Method == method })
	if len(race) == 0 {
		return ""
	}
	who := contenders(race)
	var out strings.Builder
	fmt.Fprintf(&out, "## %s, one replica broken for 5 s\n\n%d requests/s for %s in an open model that sends nothing twice, 2 ms of service time.\n"+
		"Cells: failed / late (above %s)%s, the worst of the rounds (%s); behind it, from the break, when the last of those was due. **Bold** is the row's best%s.\n\n| broken |",
		method, rate, length, late, map[string]string{"POST": " / executed twice"}[method], rounds(race, who), map[string]string{"POST": " of those that executed nothing twice"}[method])
	for _, name := range who {
		out.WriteString(" " + strings.Replace(name, "/", " ", 1) + " |")
	}
	out.WriteString("\n|---|" + strings.Repeat("---|", len(who)) + "\n")
	var lost []string
	for _, f := range faults() {
		row := worstOf(race, f.name, method)
		lost = append(lost, lostTo(row, f.name, who)...)
		fmt.Fprintf(&out, "| %s (%s) |%s\n", f.name, f.says, cells(row, who, method))
	}
	if ours := who[0]; !strings.HasPrefix(ours, "holdfast/") {
		return out.String() + "\nHoldfast was not measured.\n\n"
	}
	return out.String() + "\n" + losses(lost)
}

// rounds says how often everybody raced.
func rounds(race []result, who []string) string {
	most := map[string]int{}
	for _, r := range race {
		name := r.Peer + "/" + r.Variant
		most[name] = max(most[name], r.Round)
	}
	ours, fewest, others := most[who[0]], 0, 0
	for _, name := range who[1:] {
		if others = max(others, most[name]); fewest == 0 || most[name] < fewest {
			fewest = most[name]
		}
	}
	if fewest == others {
		return fmt.Sprintf("Holdfast %d, the others %d", ours, others)
	}
	return fmt.Sprintf("Holdfast %d, the others %d to %d", ours, fewest, others)
}

// lostTo are those who hurt fewer users than Holdfast did, with what they paid
// for it.
func lostTo(row map[string]*result, fault string, who []string) []string {
	ours := row[who[0]]
	if ours == nil {
		return []string{fault + ": Holdfast was not measured"}
	}
	var all []string
	for _, name := range who[1:] {
		r := row[name]
		if r == nil || r.Failed+r.Late >= ours.Failed+ours.Late && r.Twice >= ours.Twice {
			continue
		}
		text := fmt.Sprintf("%s: %s, %d failed and %d late, Holdfast %d and %d", fault, strings.Replace(name, "/", " ", 1), r.Failed, r.Late, ours.Failed, ours.Late)
		if r.Twice > 0 || ours.Twice > 0 {
			text += fmt.Sprintf("; executed twice %d, Holdfast %d", r.Twice, ours.Twice)
		}
		all = append(all, text)
	}
	return all
}

// losses says where a peer did better than Holdfast, in any of what is counted.
func losses(rows []string) string {
	if len(rows) == 0 {
		return "No peer did better than Holdfast in any row that was measured.\n\n"
	}
	return "**Rows in which a peer did better than Holdfast:**\n\n- " + strings.Join(rows, "\n- ") + "\n\n"
}

// worstOf is everybody's worst round under one fault.
func worstOf(race []result, fault, method string) map[string]*result {
	row := map[string]*result{}
	for _, r := range race {
		if r.Fault != fault {
			continue
		}
		if method == "GET" {
			r.Twice = 0 // a GET may be asked twice
		}
		name := r.Peer + "/" + r.Variant
		if worst := row[name]; worst == nil || r.harm() > worst.harm() || r.harm() == worst.harm() && r.LastBad > worst.LastBad {
			row[name] = &r
		}
	}
	return row
}

// maxHarm is more than any race can do.
const maxHarm = 1 << 30

// harm is what a row is compared by: whoever executes something twice is worse
// than anybody who does not, and a failed request is as bad as a late one.
func (r result) harm() int {
	if r.Twice > 0 {
		return maxHarm + r.Twice
	}
	return r.Failed + r.Late
}

func bestOf(row map[string]*result) int {
	best := maxHarm
	for _, r := range row {
		best = min(best, r.harm())
	}
	return best
}

func cells(row map[string]*result, who []string, method string) string {
	best := bestOf(row)
	var out strings.Builder
	for _, name := range who {
		r := row[name]
		if r == nil {
			out.WriteString(" – |")
			continue
		}
		text := fmt.Sprintf("%d/%d", r.Failed, r.Late)
		if method == "POST" {
			text += fmt.Sprintf("/%d", r.Twice)
		}
		if r.harm() == best {
			text = "**" + text + "**"
		}
		if r.Failed+r.Late > 0 {
			text += fmt.Sprintf(" %.1f s", r.LastBad.Seconds())
		}
		out.WriteString(" " + text + " |")
	}
	return out.String()
}

func costTable(all []result, part, title string) string {
	rows := of(all, ofPart(part))
	if len(rows) == 0 {
		return ""
	}
	var out strings.Builder
	fmt.Fprintf(&out, "## %s Median (range) of the rounds.\n\n| peer | CPU, µs | of it in the gateway's process | beside HAProxy, expert | requests/s |\n|---|---|---|---|---|\n", title)
	measured := func(name string, of func(result) float64) []float64 { return figures(rows, name, of) }
	cost := func(r result) float64 { return micros(r.CPU) }
	base := measured("haproxy/expert", cost)
	for _, name := range contenders(rows) {
		ratio := "–"
		if len(base) > 0 {
			ratio = fmt.Sprintf("%.2f×", middle(measured(name, cost))/middle(base))
		}
		fmt.Fprintf(&out, "| %s | %s | %.1f | %s | %s |\n", strings.Replace(name, "/", " ", 1), spread("%.1f", measured(name, cost)),
			middle(measured(name, func(r result) float64 { return micros(r.Own) })), ratio, spread("%.0f", measured(name, func(r result) float64 { return r.Rate })))
	}
	return out.String() + "\n" + cheaper(rows, "a request", "µs", cost)
}

// cheaper says who costs less than Holdfast does.
func cheaper(rows []result, what, unit string, cost func(result) float64) string {
	ours := middle(figures(rows, holdfastFile, cost))
	var all []string
	for _, name := range contenders(rows) {
		if theirs := middle(figures(rows, name, cost)); theirs < ours {
			all = append(all, fmt.Sprintf("%s, %.1f %s", strings.Replace(name, "/", " ", 1), theirs, unit))
		}
	}
	if ours == 0 || len(all) == 0 {
		return ""
	}
	return fmt.Sprintf("**%s costs less than Holdfast's %.1f %s in:** %s.\n\n", strings.ToUpper(what[:1])+what[1:], ours, unit, strings.Join(all, " · "))
}

func memoryTable(all []result) string {
	rows := of(all, ofPart("memory"))
	if len(rows) == 0 {
		return ""
	}
	var out strings.Builder
	fmt.Fprintf(&out, "## Memory at %d connections\n\nKept connections that have waited for %s after one answer, and the same ones when each has asked again; of all of a peer's processes\n(Holdfast's are four), shared pages counted once. Median (range).\n\n| peer | waiting, MB | after another request each, MB |\n|---|---|---|\n", held, waiting)
	for _, name := range contenders(rows) {
		fmt.Fprintf(&out, "| %s | %s | %s |\n", strings.Replace(name, "/", " ", 1), spread("%.1f", figures(rows, name, waitingMB)), spread("%.1f", figures(rows, name, activeMB)))
	}
	return out.String() + "\n" + cheaper(rows, "memory", "MB", waitingMB)
}

// figures are one contender's of all rounds, sorted.
func figures(rows []result, name string, of func(result) float64) []float64 {
	var all []float64
	for _, r := range rows {
		if r.Peer+"/"+r.Variant == name {
			all = append(all, of(r))
		}
	}
	slices.Sort(all)
	return all
}

// middle is the median of sorted figures, 0 of none.
func middle(sorted []float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

func spread(format string, sorted []float64) string {
	if len(sorted) == 0 {
		return "–"
	}
	return fmt.Sprintf(format+" ("+format+"-"+format+")", middle(sorted), sorted[0], sorted[len(sorted)-1])
}

func writeConfigs(out *bytes.Buffer) error {
	entries, err := configs.ReadDir("configs")
	if err != nil {
		return err
	}
	out.WriteString("## The configurations\n\nThey are the files in `bench/gateway/configs`. In the parts of CPU, memory and TCP mode each peer has one thread or worker.\n\n")
	for _, entry := range entries {
		text, err := configs.ReadFile("configs/" + entry.Name())
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "<details><summary>%s</summary>\n\n```text\n%s```\n\n</details>\n\n", entry.Name(), text)
	}
	return nil
}
