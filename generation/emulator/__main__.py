"""`python -m generation.emulator`: the same as `manage.py emulate_providers`."""

from generation.emulator.service import main

if __name__ == "__main__":
    main()
