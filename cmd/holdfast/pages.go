package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"holdfast"
	"holdfast/api"
	"holdfast/event"
	"holdfast/journal/view"
)

// Incidents implements api.Agent. What is not asked for is not copied: the loop waits
// for its views meanwhile.
func (a *agent) Incidents(_ context.Context, id holdfast.IncidentID) (view.Incidents, bool) {
	a.mu.Lock()
	asked := view.Incidents{System: a.incidents.System}
	for _, one := range a.incidents.All {
		switch id {
		case "":
			one.Story = nil
			asked.All = append(asked.All, one)
		case one.ID:
			asked.All, asked.Memory = []view.Incident{one}, a.incidents.Memory
		}
	}
	text, err := json.Marshal(asked)
	a.mu.Unlock()
	if err != nil {
		panic("holdfast: the incidents cannot be written: " + err.Error())
	}
	var copied view.Incidents
	if err := json.Unmarshal(text, &copied); err != nil {
		panic("holdfast: the incidents cannot be read back: " + err.Error())
	}
	return copied, id == "" || len(copied.All) > 0
}

// Duty implements api.Agent.
func (a *agent) Duty(context.Context) api.Duty {
	a.mu.Lock()
	defer a.mu.Unlock()
	return api.Duty{Version: api.Version, OnCall: a.declared.OnCall, Duty: a.duty.At(time.Now())}
}

const (
	// testWithin is what handing a page over may take, too.
	testWithin = 20 * time.Second
	// testedAtOnce bounds the messages of a test that are under way together.
	testedAtOnce = 8
)

// Test implements api.Agent.
func (a *agent) Test(ctx context.Context, test api.Test) (api.Tests, error) {
	system := a.inForce()
	if problem := line("--by", test.By, maxName); problem != nil {
		return api.Tests{}, problem
	}
	tests := api.Tests{Version: api.Version, Tested: testedOf(system.OnCall, test.Person)}
	if len(tests.Tested) == 0 {
		return tests, nobodyToTest(system.OnCall, test.Person)
	}
	room := make(chan struct{}, testedAtOnce)
	var under sync.WaitGroup
	for i := range tests.Tested {
		room <- struct{}{}
		under.Go(func() {
			defer func() { <-room }()
			a.pager.test(ctx, &tests.Tested[i], system.Name, test.By)
		})
	}
	under.Wait()
	return tests, nil
}

// testedOf are the ways to a person, or to everybody and every channel that a policy
// tells by itself, each address once.
func testedOf(on holdfast.OnCall, person holdfast.PersonName) []api.Tested {
	var all []api.Tested
	add := func(one api.Tested) {
		k := slices.IndexFunc(all, func(t api.Tested) bool { return t.Via == one.Via && t.To == one.To })
		switch {
		case k < 0:
			all = append(all, one)
		case one.Person != "" && one.Person != all[k].Person && !slices.Contains(all[k].Also, one.Person):
			all[k].Also = append(all[k].Also, one.Person)
		}
	}
	for _, p := range on.People {
		for _, contact := range p.Contacts {
			if person == "" || p.Name == person {
				add(api.Tested{Person: p.Name, Via: contact.Via, To: contact.To})
			}
		}
	}
	for _, policy := range on.Policies {
		for _, rule := range policy.Rules {
			for _, r := range rule.Notify {
				if person == "" && r.Channel != "" {
					add(api.Tested{Via: r.Channel})
				}
			}
		}
	}
	return all
}

func nobodyToTest(on holdfast.OnCall, person holdfast.PersonName) error {
	const hint = "give `people` contacts, and the channels those go by: docs/oncall.md"
	switch {
	case person == "":
		return &api.Problem{Code: api.Unknown, Message: "the file names nobody who can be told", Hint: hint}
	case slices.ContainsFunc(on.People, func(p holdfast.Person) bool { return p.Name == person }):
		return &api.Problem{Code: api.Unknown, Message: string(person) + " has no contact", Hint: hint}
	}
	var people []holdfast.PersonName
	for _, p := range on.People {
		people = append(people, p.Name)
	}
	return &api.Problem{Code: api.Unknown, Message: fmt.Sprintf("the file has nobody called %q", person), Hint: "it has " + anyOf(people)}
}

// test sends one message, as urgently as a page, and writes down what became of it.
// What a provider keeps open until it is told otherwise is told so.
func (p *pager) test(ctx context.Context, t *api.Tested, system holdfast.SystemName, by string) {
	began := time.Now()
	defer func() { t.Took = time.Since(began) }()
	notifier, ok := p.channels.of(t.Via)
	if !ok {
		t.Why = "the file names no channel " + string(t.Via)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, testWithin)
	defer cancel()
	m := testMessage(*t, system, by, began)
	receipt, err := notifier.Send(ctx, m)
	if err == nil && p.keepsOpen(t.Via) {
		m.Purpose, m.Key = holdfast.Resolve, m.Key+"/resolve"
		_, err = notifier.Send(ctx, m)
	}
	if t.Receipt = event.Plain(receipt); err != nil {
		t.Why = event.Plain(err.Error())
	}
}

func (p *pager) keepsOpen(via holdfast.ChannelName) bool {
	return slices.ContainsFunc(p.agent.inForce().OnCall.Channels, func(c holdfast.Channel) bool {
		return c.Name == via && (c.Kind == holdfast.ChannelPagerDuty || c.Kind == holdfast.ChannelAlertmanager || c.Kind == holdfast.ChannelWebhook)
	})
}

func testMessage(t api.Tested, system holdfast.SystemName, by string, at time.Time) holdfast.Message {
	whom := string(t.Person)
	if whom == "" {
		whom = "everybody here"
	}
	return holdfast.Message{
		Key:     holdfast.MessageKey(fmt.Sprintf("test-%d/%s/%s", at.UnixNano(), t.Person, t.Via)),
		Purpose: holdfast.Trigger, Incident: holdfast.IncidentID(fmt.Sprintf("test-%d", at.UnixNano())), System: system, Severity: holdfast.SEV2, Urgency: holdfast.Page, To: t.To, At: at,
		Subject: fmt.Sprintf("TEST %s: a test page for %s; nothing is wrong", system, whom),
		Body:    fmt.Sprintf("This is a TEST that %s asked for. Nothing is wrong, and there is nothing to do.\nA page of %s reaches you by the channel %s as this one does: did it wake you?", by, system, t.Via),
	}
}
