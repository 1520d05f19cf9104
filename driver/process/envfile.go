package process

import (
	"fmt"

	"holdfast/command"
	"holdfast/internal/files"
)

// readEnvFiles reads the files of env_file, in order: what a later one sets
// counts. A name without a value is the caller's, if the caller has it.
func readEnvFiles(paths []string, caller map[string]string) (map[string]string, error) {
	all := map[string]string{}
	for _, path := range paths {
		text, err := files.Whole(path, "env_file")
		if err != nil {
			return nil, err
		}
		variables, err := command.EnvFile(text)
		if err != nil {
			return nil, fmt.Errorf("env_file %s: %w", path, err)
		}
		for _, v := range variables {
			if inherited, ok := caller[v.Name]; !v.Set && ok {
				v.Value, v.Set = inherited, true
			}
			if v.Set {
				all[v.Name] = v.Value
			}
		}
	}
	return all, nil
}
