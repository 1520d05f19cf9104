package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/api"
	"holdfast/diagnostic"
	"holdfast/event"
	"holdfast/internal/proc"
	"holdfast/journal/view"
)

func statusCommand() *cobra.Command {
	c := &cobra.Command{Use: "status [SERVICE]", Args: cobra.MaximumNArgs(1), Short: "what is true now",
		Long: "What is true now. Of one service: why each replica is in or out, since when and by\nwhich evidence, and of each route from and to it what became of its requests."}
	flag := stateFlag(c)
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return call(c.Context(), *flag, func(ctx context.Context, client *api.Client) error {
			status, err := client.Status(ctx)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				if status, err = serviceAlone(status, holdfast.ServiceName(args[0])); err != nil {
					return err
				}
			}
			if *asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(status)
			}
			if len(args) == 0 {
				printStatus(c.OutOrStdout(), status)
				return nil
			}
			newAccount(c.OutOrStdout(), status).print()
			return nil
		})
	}
	return c
}

// printStatus is the whole system: a line per service, what is wrong, and how
// our own processes fare.
func printStatus(out io.Writer, status api.Status) {
	if status.System == "" {
		fmt.Fprintf(out, "no file is in force: the state directory is new, or was removed while the system ran\n  next: holdfast down ends what still runs; holdfast up starts the file\ncontrol  %s\n", controlText(status))
		return
	}
	v := status.View
	fmt.Fprintf(out, "%s  %s\n", status.System, headline(v))
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SERVICE\tREADY\tSTATE\tOWNER")
	for _, service := range v.Services {
		fmt.Fprintf(table, "%s\t%d/%d\t%s\t%s\n", service.Name, service.Admitted, service.Declared, stateOfService(v, service), cmp.Or(string(service.Owner), "–"))
	}
	table.Flush()
	for _, incident := range v.Incidents {
		fmt.Fprintln(out, "incident", incident.Line(time.Local))
	}
	for _, m := range status.Quiet {
		fmt.Fprintf(out, "quiet    %s until %s, by %s (%s): nobody is woken; holdfast maintenance --end ends it\n", maintained(m.Services), clock(m.Until.Local()), m.By, m.Why)
	}
	for _, pause := range v.Pauses {
		fmt.Fprintf(out, "paused   %s, by %s: no remedy is carried out; holdfast resume ends it\n", everythingOr(pause.Service), pause.By)
	}
	for _, failure := range v.Failures {
		fmt.Fprintf(out, "failing  %s%s: %s\n", drillOf(failure), strings.TrimSpace(string(failure.ID.Name())+" "+string(failure.Mode)), cmp.Or(failure.Doing, failure.Detail))
		fmt.Fprint(out, personText(failure))
	}
	fmt.Fprint(out, shadowText(v.Arms))
	for _, line := range lacking(v) {
		fmt.Fprintln(out, line)
	}
	printBudgets(out, status.Budgets)
	for _, listener := range status.Listeners {
		switch {
		case listener.Name == holdfast.MetricsListener:
			fmt.Fprintf(out, "metrics  http://%s/metrics\n", listener.Address)
		case !strings.Contains(string(listener.Name), "/"):
			fmt.Fprintf(out, "serving  %s at %s%s\n", listener.Name, schemeOf(status.Secured, listener.Name), listener.Address)
		}
	}
	fmt.Fprintf(out, "control  %s\n", controlText(status))
	if v.Unwoken != "" {
		fmt.Fprintf(out, "pager    WHOEVER SHOULD BE WOKEN MAY NOT BE: %s\n  next: mend it; the heartbeat is silent until an audit passes, within a minute; holdfast page test tries the channels\n", v.Unwoken)
	}
	if status.Journal.Trouble != "" {
		fmt.Fprintf(out, "journal  NOT RECORDING: %s; what is decided is acted upon all the same (%s unrecorded so far)\n  next: make room on the disk of the state directory; recording goes on by itself\n",
			status.Journal.Trouble, diagnostic.Count(int(status.Journal.Unrecorded), "frame"))
	}
}

func schemeOf(secured []holdfast.ListenerName, name holdfast.ListenerName) string {
	if slices.Contains(secured, name) {
		return "https://"
	}
	return "http://"
}

// personText is what the person that a failure calls for can look at and do.
func personText(f view.Failure) string {
	if !f.NeedsYou {
		return ""
	}
	look := "holdfast status " + string(f.ID.Service)
	if f.Evidence != "" {
		look += "; what was seen of it is " + f.Evidence + " in the state directory"
	}
	if f.Withheld == holdfast.RailAttempts {
		look += ", holdfast logs " + string(f.ID.Name()) + "; when it is mended, holdfast reload tries again at once"
	}
	return "  next: " + look + "\n"
}

// shadowed are those whose remedies would only be recorded.
func shadowed(arms []view.Arm) []view.Arm {
	return slices.DeleteFunc(slices.Clone(arms), func(a view.Arm) bool { return a.Armed })
}

// shadowText says which remedies would only be recorded, and what would arm
// them: one line for each reason.
func shadowText(arms []view.Arm) string {
	var reasons []string
	modes := map[string][]holdfast.ModeName{}
	for _, arm := range shadowed(arms) {
		if modes[arm.Why] == nil {
			reasons = append(reasons, arm.Why)
		}
		modes[arm.Why] = append(modes[arm.Why], arm.Mode)
	}
	var text strings.Builder
	for _, why := range reasons {
		fmt.Fprintf(&text, "shadow   %s: nothing that lives is ended; %s\n", event.Few(modes[why]), why)
	}
	if text.Len() > 0 {
		text.WriteString("  next: holdfast prove arms what passes; armed: true in the file does without a drill\n")
	}
	return text.String()
}

// lacking says, once per service and reason, which limits do not hold.
func lacking(v view.Status) []string {
	var lines []string
	for _, service := range v.Services {
		for _, replica := range service.Replicas {
			line := fmt.Sprintf("limits   %s runs WITHOUT: %s", service.Name, replica.Lacks)
			if replica.Lacks != "" && !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

func headline(v view.Status) string {
	switch {
	case v.Stopped:
		return "stopped"
	case v.Stopping:
		return "stopping"
	case !v.Serving:
		return "NOT SERVING"
	case len(v.Failures) > 0:
		return "serving, " + diagnostic.Count(len(v.Failures), "failure") + " open"
	default:
		return "serving"
	}
}

// drillOf says of what a live drill may have done that it is one.
func drillOf(f view.Failure) string {
	if !f.Drill {
		return ""
	}
	return event.DrillWord + " "
}

// stateOfService is a word for the table; what fails has a line of its own.
func stateOfService(v view.Status, service view.ServiceStatus) string {
	var failing []string
	for _, failure := range v.Failures {
		if failure.ID.Service == service.Name {
			failing = append(failing, string(failure.ID.Name()))
		}
	}
	if len(failing) > 0 {
		return "failing: " + strings.Join(failing, ", ")
	}
	if service.Admitted < service.Declared {
		for _, replica := range service.Replicas {
			if replica.State != view.Admitted {
				return fmt.Sprintf("%s %s %s", replica.ID.Name(), replica.State, replica.Reason)
			}
		}
	}
	for _, replica := range service.Replicas {
		if replica.Outdated {
			return "ok; " + string(replica.ID.Name()) + " still runs as the file said before"
		}
	}
	if service.Once {
		return string(view.Completed)
	}
	return "ok"
}

// controlText is how Holdfast's own processes fare.
func controlText(status api.Status) string {
	var parts []string
	for _, role := range status.Roles {
		part := fmt.Sprintf("%s pid %d for %s", role.Name, role.Pid, event.Short(proc.Now()-time.Duration(role.Since)))
		if role.Restarts > 0 {
			part += fmt.Sprintf(" (restarted %s)", diagnostic.Count(role.Restarts, "time"))
		}
		parts = append(parts, part)
	}
	text := strings.Join(parts, " · ")
	if slices.Contains(status.Mute, "keeper") {
		text = "the KEEPER DOES NOT ANSWER: what serves serves on, but nothing that ends is started again\n" +
			"  next: holdfast up puts another in its place, which adopts what runs"
	}
	if slices.Contains(status.Mute, string(gatewayRole)) {
		text += "\ngateway  does not answer: what it last said is shown; the keeper ends and starts it again when it is stuck"
	}
	return text
}

func everythingOr(service holdfast.ServiceName) string {
	return cmp.Or(string(service), "everything")
}

// diagnosisText is what a person needs about a replica that is not ready.
func diagnosisText(d api.Diagnosis) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s is not ready: %s\n", d.ID, d.State)
	fmt.Fprintf(&text, "    command  %s\n", d.Command)
	if d.Address != "" {
		fmt.Fprintf(&text, "    tried    %s (%s)\n", d.Address, heard(d))
	}
	text.WriteString(misled(d))
	fmt.Fprintf(&text, "    log      %s\n", d.Log)
	for _, line := range d.Lines {
		fmt.Fprintf(&text, "    | %s\n", line)
	}
	return strings.TrimRight(text.String(), "\n")
}

func heard(d api.Diagnosis) string {
	switch {
	case d.Tried != "":
		return d.Tried
	case d.Listening:
		return "something listens there"
	default:
		return "nothing listens there"
	}
}

// misled says where a replica listens instead of where it was told to: the
// mistake that is made first.
func misled(d api.Diagnosis) string {
	var ports []string
	for _, port := range d.Elsewhere {
		ports = append(ports, strconv.Itoa(int(port)))
	}
	if len(ports) == 0 {
		return ""
	}
	return fmt.Sprintf("    listens  on port %s\n    next     have it listen on $PORT, as `--port $PORT` in the command or from its environment; or write `listen: %s`\n",
		strings.Join(ports, ", "), ports[0])
}
