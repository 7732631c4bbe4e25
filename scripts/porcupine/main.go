// Checks recorded histories for linearizability with Porcupine, key by key. A history is a file of lines, each an operation in JSON:
//
//	{"run":"seed 7","key":"k3","kind":"write","value":12,"call":1.25,"return":3.5}
//
// Times are ms of one clock. kind is read, write, or erase: the moment from which the key may become absent, once. value 0 is an absent
// key. return null: no answer came, so a write may have been done at any time after its call, or never. Operations that certainly
// did not happen, and reads without an answer, are not in the file.
//
// Exits with 1 where a history is not linearizable, and with 3 where that could not be decided in time.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

const timeoutOfKey = 30 * time.Second
const lineBytesMax = 1 << 20

type operation struct {
	Run    string   `json:"run"`
	Key    string   `json:"key"`
	Kind   string   `json:"kind"`
	Value  int64    `json:"value"`
	Call   float64  `json:"call"`
	Return *float64 `json:"return"`
}

// The state is the value of the key, 0 where it is absent.
var register = porcupine.Model{
	Init: func() interface{} { return int64(0) },
	Step: func(state, input, output interface{}) (bool, interface{}) {
		done := input.(operation)
		switch done.Kind {
		case "read":
			return state.(int64) == done.Value, state
		case "write":
			return true, done.Value
		default:
			return true, int64(0)
		}
	},
}

func main() {
	histories := map[string][]operation{}
	for _, name := range os.Args[1:] {
		if err := read(name, histories); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	operations, illegal, unknown := 0, 0, 0
	for name, history := range histories {
		operations += len(history)
		switch porcupine.CheckOperationsTimeout(register, forPorcupine(history), timeoutOfKey) {
		case porcupine.Illegal:
			illegal++
			fmt.Printf("%s: not linearizable\n", name)
		case porcupine.Unknown:
			unknown++
			fmt.Printf("%s: not decided in %v\n", name, timeoutOfKey)
		}
	}
	fmt.Printf("%d histories of %d operations: %d not linearizable, %d not decided\n", len(histories), operations, illegal, unknown)
	if illegal > 0 {
		os.Exit(1)
	}
	if unknown > 0 {
		os.Exit(3)
	}
}

func read(name string, histories map[string][]operation) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, lineBytesMax)
	for number := 1; lines.Scan(); number++ {
		var one operation
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			return fmt.Errorf("%s:%d: %w", name, number, err)
		}
		if one.Kind != "read" && one.Kind != "write" && one.Kind != "erase" {
			return fmt.Errorf("%s:%d: no kind of operation: %q", name, number, one.Kind)
		}
		key := one.Run + " " + one.Key
		histories[key] = append(histories[key], one)
	}
	return lines.Err()
}

// What has no answer ends behind everything else: there it may take effect without anybody seeing it.
func forPorcupine(history []operation) []porcupine.Operation {
	seen := map[int64]bool{}
	end := 0.0
	for _, one := range history {
		if one.Kind == "read" {
			seen[one.Value] = true
		}
		end = max(end, one.Call)
		if one.Return != nil {
			end = max(end, *one.Return)
		}
	}
	operations := make([]porcupine.Operation, 0, len(history))
	for client, one := range history {
		if one.Return == nil && one.Kind == "write" && !seen[one.Value] {
			continue
		}
		back := end + 1
		if one.Return != nil {
			back = *one.Return
		}
		operations = append(operations, porcupine.Operation{ClientId: client, Input: one, Call: nanoseconds(one.Call), Return: nanoseconds(back)})
	}
	return operations
}

func nanoseconds(ms float64) int64 { return int64(ms * 1e6) }

func max(left, right float64) float64 {
	if left > right {
		return left
	}
	return right
}
