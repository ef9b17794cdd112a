"""Wavecom and Sierra classic modules (Q24, Fastrack), and Sierra's MC/EM cards."""

from __future__ import annotations

from modemfarm.simulator.traits import Personality, cnmi

WAVECOM = Personality(
    # Q2406/Fastrack. Leading blanks in CGMI and CGMM as recorded [MM, GA].
    name="wavecom",
    manufacturer=" WAVECOM MODEM",
    model=" MULTIBAND  900E  1800",
    revision="641b09gg.Q2403A 1320676 061804 14:38",
    information=(" WAVECOM MODEM", " MULTIBAND  900E  1800"),
    iccid_command="+CCID",
    iccid_prefix="+CCID: ",
    iccid_quoted=True,
    cnmi=cnmi("(0-2),(0-3),(0-3),(0-2),(0,1)", (0, 1, 2), (0, 1, 2, 3), (0, 1, 2, 3), (0, 1, 2), (0, 1)),
    cpin_says_ok=False,  # "+CPIN: READY" and no OK [OF, GA]
    cpms_offered='(("SM","BM","SR"),("SM"))',  # malformed, two memories only [OF]
    cpms_memories=2,
    cpms_arguments=frozenset({1}),  # single parameter [OF]
    capacities={"BM": 20, "SR": 20},
    report_memory="SR",
    empty_slot=321,
    boot=((0.0, "+WIND: 1"), (0.5, "+WIND: 3"), (1.0, "+WIND: 4"), (2.0, "+WIND: 7")),
    sms_ready_after_s=1.0,  # +WIND: 4, ready for all commands
    sim_settles_s=2.0,  # CME 515 for a while after a restart [PG, GA]
    sim_busy=("cme", 515),
    sms_busy=("cme", 515),
    sim_gone=("+WIND: 0",),
    sim_back=("+WIND: 1", "+WIND: 4"),
    cfun=frozenset({"0"}),
    restart=frozenset({"+CFUN=1", "+CFUN=1,1"}),  # +CFUN=1 restarts the module [PG, GA]
    power_off={"+CPOF": ""},
    pin_counter=("+CPINC?", "+CPINC: {pin},3,{puk},10"),
    ussd="gsm",
    ussd_refusal="cme516",
    ring=("+WIND: 5,1", "+WIND: 2"),
    missed=("+WIND: 6,1",),
    vendor={"+WIND?": "+WIND: 15", "+WIND=": "", "+WOPEN?": "+WOPEN: 0"},
)

SIERRA = Personality(
    name="sierra",
    manufacturer="Sierra Wireless, Incorporated",
    model="MC7455",
    revision="SWI9X30C_02.24.05.06 r7040 CARMD-EV-FRMWR2 2017/05/19 06:23:09",
    information=(
        "Manufacturer: Sierra Wireless, Incorporated",
        "Model: MC7455",
        "Revision: SWI9X30C_02.24.05.06 r7040 CARMD-EV-FRMWR2 2017/05/19 06:23:09",
        "MEID: 35900000000000",
        "IMEI: {imei}",
        "IMEI SV: 12",
        "FSN: LQ000000000000",
        "+GCAP: +CGSM",
    ),
    act=7,
    iccid_command="!ICCID",
    iccid_kind="read",
    iccid_prefix="!ICCID: ",
    cnmi=cnmi("(0,1,2),(0,1,2,3),(0,2),(0,1,2),(0,1)", (0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 2), (0, 1)),  # ds=1: [MM]
    cpms_offered='("ME","MT","SM","SR"),("ME","SM"),("ME","SM")',
    capacities={"ME": 255, "SR": 50},
    index_base=0,
    sms_ready_after_s=3.0,
    sim_settles_s=2.0,
    pin_settles_s=2.0,
    restart=frozenset({"+CFUN=1,1", "!RESET"}),
    locked="!",  # AT!ENTERCND="A710" opens them
    unlock='!ENTERCND="A710"',
    drops_port=True,
    pin_counter=("+CPINC?", "+CPINC: {pin},3,{puk},10"),
    ussd="charset",
    vendor={
        "!GSTATUS?": (
            "!GSTATUS: \nCurrent Time:  1520\t\tTemperature: {temp}\nReset Counter: 1\t\tMode:        ONLINE\n"
            "System mode:   LTE        \tPS state:    Attached\nLTE band:      B3     \t\tLTE bw:      20 MHz\n"
            "LTE Rx chan:   1300\t\tLTE Tx chan: 19300\nEMM state:     Registered     \tNormal Service\n"
            "RRC state:     RRC Idle\nIMS reg state: No Srv\n\nPCC RxM RSSI:  {dbm}\t\tRSRP (dBm):  {rsrp}\n"
            "PCC RxD RSSI:  {dbm}\t\tRSRP (dBm):  {rsrp}\nTx Power:      --\t\tTAC:         1A2B (6699)\n"
            "RSRQ (dB):     -10.0\t\tCell ID:     00C3D4E5 (12833765)\nSINR (dB):     12.0"
        ),
        "*CNTI=0": "*CNTI: 0,LTE",
        "!SELRAT?": "!SELRAT: 00, Automatic",
        "!SELRAT=": "",
        "!PCTEMP?": "Temp state: Normal\nTemperature: {temp}.00",  # shape
        "!PCVOLT?": "Volt state: Normal\nPower supply voltage: {mv} mV",  # shape
        "!ENTERCND=": "ERROR",
    },
)
