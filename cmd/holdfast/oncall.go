package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/api"
	"holdfast/diagnostic"
	"holdfast/event"
	"holdfast/oncall"
)

const (
	// lookAhead is within how many days gaps are looked for, unless --days says: two
	// weeks, so that a weekly rotation is seen handing over.
	lookAhead = 14
	// farthest bounds --days.
	farthest = 366
)

func oncallCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "oncall", Args: cobra.NoArgs, Short: "who is on call by each schedule, until when, and who is next",
		Long: "Who is on call by each schedule, until when, and who is next; the gaps in which nobody\nis; overrides and maintenance. With --days every shift is listed.",
	}
	flag := stateFlag(c)
	asJSON := jsonFlag(c)
	at := c.Flags().String("at", "", "at another time than now")
	days := c.Flags().Int("days", lookAhead, "how many days are looked at from then on")
	c.RunE = func(c *cobra.Command, _ []string) error {
		from := time.Now()
		if *at != "" {
			var err error
			if from, err = readTime(*at, from); err != nil {
				return err
			}
		}
		if *days < 1 || *days > farthest {
			return exit(exitUsage, fmt.Errorf("--days %d: it is between 1 and %d", *days, farthest))
		}
		return call(c.Context(), *flag, func(ctx context.Context, client *api.Client) error {
			duty, err := client.Duty(ctx)
			if err != nil {
				return err
			}
			found := lookAt(duty, from, from.AddDate(0, 0, *days))
			if *asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(found)
			}
			found.print(c.OutOrStdout(), c.Flags().Changed("days"))
			return nil
		})
	}
	return c
}

// A duty is who is on call from an instant on, as oncall prints it.
type duty struct {
	Version     int                      `json:"version"`
	From        time.Time                `json:"from"`
	To          time.Time                `json:"to"`
	Schedules   []onDuty                 `json:"schedules"`
	Overrides   []holdfast.Override      `json:"overrides,omitempty"`
	Maintenance []event.MaintenanceBegan `json:"maintenance,omitempty"`
}

// onDuty is one schedule's shifts. They are in the schedule's own time zone.
type onDuty struct {
	Schedule holdfast.ScheduleName `json:"schedule"`
	Shifts   []shift               `json:"shifts"`
	Gaps     []shift               `json:"gaps"`
}

type shift struct {
	Person holdfast.PersonName `json:"person,omitempty"` // none: nobody
	From   time.Time           `json:"from"`
	Until  time.Time           `json:"until"`
}

func lookAt(d api.Duty, from, to time.Time) duty {
	found := duty{
		Version: api.Version, From: from, To: to, Schedules: []onDuty{},
		Overrides:   only(d.Overrides, func(o holdfast.Override) bool { return o.Until.After(from) }),
		Maintenance: only(d.Maintenance, func(m event.MaintenanceBegan) bool { return m.Until.After(from) }),
	}
	for _, schedule := range d.OnCall.Schedules {
		roster, _ := oncall.RosterOf(schedule, d.Overrides) // the zone was judged when the file was read
		zone, err := time.LoadLocation(schedule.TimeZone)
		if err != nil {
			zone = time.UTC
		}
		one := onDuty{Schedule: schedule.Name, Shifts: []shift{}, Gaps: []shift{}}
		for _, s := range roster.Shifts(from, to) {
			as := shift{Person: s.Person, From: s.From.In(zone), Until: s.Until.In(zone)}
			one.Shifts = append(one.Shifts, as)
			if s.Person == "" {
				one.Gaps = append(one.Gaps, as)
			}
		}
		found.Schedules = append(found.Schedules, one)
	}
	return found
}

// maxGaps bounds the gaps of a schedule that are told one by one: a schedule of office
// hours has one every night.
const maxGaps = 5

func (d duty) print(out io.Writer, whole bool) {
	if len(d.Schedules) == 0 {
		fmt.Fprintln(out, "the file has no schedules: policies name people, or owners are told at once\n  next: docs/oncall.md says how to write one")
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(d.Schedules) > 0 {
		fmt.Fprintln(table, "SCHEDULE\tON CALL\tUNTIL\tTHEN")
	}
	for _, s := range d.Schedules {
		now, next := s.Shifts[0], "–"
		until := "beyond " + clock(now.Until)
		if len(s.Shifts) > 1 {
			next, until = somebody(s.Shifts[1].Person), clock(now.Until)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", s.Schedule, somebody(now.Person), until, next)
	}
	table.Flush()
	for _, s := range d.Schedules {
		s.print(out, whole)
	}
	for _, o := range d.Overrides {
		fmt.Fprintf(out, "override     %s: %s from %s until %s, by %s\n", o.Schedule, o.Person, clock(o.From.Local()), clock(o.Until.Local()), o.By)
	}
	for _, m := range d.Maintenance {
		fmt.Fprintf(out, "maintenance  %s until %s, by %s: %s\n", maintained(m.Services), clock(m.Until.Local()), m.By, m.Why)
	}
}

// print tells of a schedule what the table does not.
func (s onDuty) print(out io.Writer, whole bool) {
	if whole {
		for _, one := range s.Shifts {
			fmt.Fprintf(out, "shift        %s: %s from %s until %s\n", s.Schedule, somebody(one.Person), clock(one.From), clock(one.Until))
		}
		return
	}
	for _, gap := range s.Gaps[:min(len(s.Gaps), maxGaps)] {
		fmt.Fprintf(out, "gap          %s: nobody from %s until %s\n", s.Schedule, clock(gap.From), clock(gap.Until))
	}
	if more := len(s.Gaps) - maxGaps; more > 0 {
		fmt.Fprintf(out, "gap          %s: and %d more; --json lists them\n", s.Schedule, more)
	}
}

func somebody(p holdfast.PersonName) string {
	if p == "" {
		return "NOBODY"
	}
	return string(p)
}

// clock is an instant where it is, as on a wall.
func clock(t time.Time) string { return t.Format("Mon 2006-01-02 15:04 MST") }

func maintained(services []holdfast.ServiceName) string {
	if len(services) == 0 {
		return "everything"
	}
	return event.Few(services)
}

func overrideCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "override SCHEDULE PERSON", Args: cobra.ExactArgs(2), Short: "put somebody on call instead of whom a schedule names",
		Example: "  holdfast override nights ben --from \"2026-12-24 17:00\" --until \"2026-12-27 09:00\"",
	}
	from := c.Flags().String("from", "", "from when on (default: now)")
	until := c.Flags().String("until", "", "until when")
	return saying(c, func(_ context.Context, _ *api.Client, args []string, by string) (event.Body, string, error) {
		begin, end, err := span(*from, *until)
		if err != nil {
			return nil, "", err
		}
		o := holdfast.Override{Schedule: holdfast.ScheduleName(args[0]), Person: holdfast.PersonName(args[1]), From: begin.UTC().Round(0), Until: end.UTC().Round(0), By: by}
		return event.Overridden{Override: o}, fmt.Sprintf("%s is on call by %s from %s until %s", o.Person, o.Schedule, clock(begin), clock(end)), nil
	})
}

// span reads --from and --until.
func span(from, until string) (begin, end time.Time, err error) {
	if until == "" {
		return begin, end, exit(exitUsage, errors.New("--until is missing\n  next: write until when: --until 18:00, --until \"2026-12-27 09:00\", --until 4h"))
	}
	begin = time.Now()
	if from != "" {
		if begin, err = readTime(from, begin); err != nil {
			return begin, end, err
		}
	}
	end, err = ahead(until, time.Now())
	return begin, end, err
}

func maintenanceCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "maintenance", Args: cobra.NoArgs, Short: "have nobody woken by services for a while; they are watched and mended as ever",
		Example: "  holdfast maintenance --service cart --until 90m --why \"a new disk\"\n  holdfast maintenance --end",
	}
	services := c.Flags().StringSlice("service", nil, "of which service; again for more (default: all)")
	until := c.Flags().String("until", "", "until when: 90m, 18:00")
	why := c.Flags().String("why", "", "what is being done")
	end := c.Flags().Bool("end", false, "end all of it now")
	return saying(c, func(_ context.Context, _ *api.Client, _ []string, by string) (event.Body, string, error) {
		if *end {
			if *until != "" || len(*services) > 0 {
				return nil, "", exit(exitUsage, errors.New("--end ends all maintenance\n  next: leave out --until and --service"))
			}
			return event.MaintenanceEnded{By: by}, "maintenance is over: what is bad now is paged", nil
		}
		_, last, err := span("", *until)
		if err != nil {
			return nil, "", err
		}
		in := event.MaintenanceBegan{Until: last.UTC().Round(0), By: by, Why: oneLine(*why)}
		for _, name := range *services {
			in.Services = append(in.Services, holdfast.ServiceName(name))
		}
		return in, fmt.Sprintf("nobody is woken by %s until %s; holdfast maintenance --end ends it sooner", maintained(in.Services), clock(last)), nil
	})
}

func pageCommand() *cobra.Command {
	c := &cobra.Command{Use: "page", Args: cobra.NoArgs, Short: "send people a test message: page test [PERSON]"}
	c.RunE = func(*cobra.Command, []string) error {
		return exit(exitUsage, errors.New("only incidents page people\n  next: holdfast page test [PERSON] sends a test"))
	}
	c.AddCommand(pageTestCommand())
	return c
}

func pageTestCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "test [PERSON]", Args: cobra.MaximumNArgs(1), Short: "send a message marked TEST through every contact, or those of one person",
		Long: "Sends a message marked TEST through every contact of everybody, or of one person. It\nis really sent, as urgently as a page is: say so before. Exit 1: one did not arrive.",
	}
	flag := stateFlag(c)
	by := byFlag(c)
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return call(c.Context(), *flag, func(ctx context.Context, client *api.Client) error {
			tests, err := client.Test(ctx, api.Test{Person: holdfast.PersonName(argument(args, 0)), By: *by})
			if err != nil {
				return err
			}
			if *asJSON {
				if err := json.NewEncoder(c.OutOrStdout()).Encode(tests); err != nil {
					return err
				}
			} else {
				printTests(c.OutOrStdout(), tests.Tested)
			}
			if lost := len(lostOf(tests.Tested)); lost > 0 {
				return exit(exitFound, fmt.Errorf("%s not taken over\n  next: mend what is said above, and test again", diagnostic.Count(lost, "message")+map[bool]string{true: " was", false: " were"}[lost == 1]))
			}
			return nil
		})
	}
	return c
}

func lostOf(tested []api.Tested) []api.Tested {
	var lost []api.Tested
	for _, t := range tested {
		if t.Why != "" {
			lost = append(lost, t)
		}
	}
	return lost
}

func printTests(out io.Writer, tested []api.Tested) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, t := range tested {
		whom := string(t.Person)
		if whom == "" {
			whom = "(all)"
		}
		for _, also := range t.Also {
			whom += ", " + string(also)
		}
		became := "TAKEN OVER in " + event.Short(t.Took)
		if t.Receipt != "" {
			became += ": " + t.Receipt
		}
		if t.Why != "" {
			became = "LOST after " + event.Short(t.Took) + ": " + t.Why
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", whom, strings.TrimSpace(string(t.Via)+" "+t.To), became)
	}
	table.Flush()
}
