# Completion of buildfleet for fish. `buildfleet completion fish` prints it.

function __buildfleet_complete
    set -l program '@PROGRAM@'
    test -x "$program"; or set program buildfleet
    command -q "$program"; or return
    set -l words (commandline -opc)
    set -e words[1]
    set -l current (commandline -ct)
    # Only to know whether an option is wanted; fish matches by itself.
    set -l begun (string replace -r -- '^["\']' '' "$current")
    set -l lines ("$program" __complete fish -- $words "$begun" 2>/dev/null </dev/null)
    set -l prefix (string match -r -- '^--[^=]*=' "$current")
    set -l path (string replace -r -- '^--[^=]*=' '' "$current")
    switch "$lines[1]"
        case directories
            for found in (__fish_complete_directories "$path")
                printf '%s%s\n' "$prefix" "$found"
            end
        case files
            for found in (__fish_complete_path "$path")
                printf '%s%s\n' "$prefix" "$found"
            end
        case '*'
            for found in $lines[2..-1]
                printf '%s\n' "$found"
            end
    end
end

complete -c buildfleet -e
complete -c buildfleet -f -k -a '(__buildfleet_complete)'
