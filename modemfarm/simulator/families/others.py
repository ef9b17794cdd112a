"""Fibocom, MediaTek pools, Neoway, Ai-Thinker, and a modem of no family."""

from __future__ import annotations

from modemfarm.simulator.traits import Personality, cnmi

FIBOCOM = Personality(
    # L8/L850: an Intel XMM. +CDS wants +CNMA within 15 s and comes again otherwise; +CNMI stays [L860].
    name="fibocom",
    manufacturer="Fibocom Wireless Inc.",
    model="L850-GL",
    revision="18500.5001.00.02.24.10",
    information=("Fibocom Wireless Inc.", "L850-GL", "18500.5001.00.02.24.10"),
    identity_read=True,  # some firmware answers AT+CGMM? only [3G]
    act=7,
    iccid_command="+ICCID",
    iccid_prefix="+ICCID: ",
    cnmi=cnmi("(0-2),(0-3),(0,2),(0-2),(0,1)", (0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 1), (0, 1)),
    cpms_offered='("SM","ME"),("SM","ME"),("SM","ME")',
    capacities={"ME": 352},  # L8: indexes 1-352 [L860]
    empty_slot=321,
    boot=((1.5, "+SIM READY"),),
    sms_ready_after_s=2.0,
    sim_settles_s=1.5,
    sim_gone=("+SIM: NOT INSERTED",),  # shape
    sim_back=("+SIM READY",),
    cnma=frozenset({"bare", "0", "1", "pdu"}),
    ack="repeat",
    ack_reports_always=True,
    restart=frozenset({"+CFUN=1,1", "+CFUN=15"}),
    drops_port=True,
    pin_counter=("+XPINCNT", "+XPINCNT: {pin}, 3, {puk}, 10"),  # pin, pin2, puk, puk2
    ussd="charset",
    vendor={
        "+GTCCINFO?": "+GTCCINFO:\nLTE service cell:\n1,4,460,00,1A2B,C3D4E5F,1300,123,103,100,12,{cesq},{cesq},20",
        "+GTACT?": "+GTACT: 2,3,3",
        "+GTACT=": "",
        "+MTSM=1": "+MTSM: {temp}",
        "+GTSENRDTEMP=": "+GTSENRDTEMP: 1,{temp}000",  # shape
        "+GTLADC": "+GTLADC: {mv}",  # shape
        "+CESQ": "+CESQ: 99,99,255,255,20,{cesq}",
    },
)

MTK = Personality(
    name="mtk",
    manufacturer="MTK1",
    model="MT6261",
    revision="MAUI.11B.W13.08",
    information=("MTK1", "MT6261"),
    cnmi=cnmi("(0-3),(0-3),(0,2),(0-2),(0,1)", (0, 1, 2, 3), (0, 1, 2, 3), (0, 2), (0, 1), (0, 1)),
    cpms_offered='("SM","ME"),("SM","ME"),("SM","ME")',
    capacities={"ME": 100},
    empty_slot=321,
    boot=((0.0, "+EIND: 128"), (1.0, "+EUSIM: 0"), (2.0, "+EIND: 2"), (3.0, "+EIND: 1")),  # boot, phonebook, SMS
    sms_ready_after_s=3.0,
    sim_settles_s=1.0,
    chatter=("+CIEV: 2,4", "+ECSQ: 20, 99, -71", "+STKPCI: 2", "+CIEV: 1,3"),  # +CIEV comes in floods
    sim_gone=("+ESIMS: 0",),  # shape
    sim_back=("+ESIMS: 1", "+EIND: 1"),
    pin_counter=("+EPINC?", "+EPINC: {pin},3,{puk},10"),
    ussd="charset",  # UCS-2 hex while +CSCS is UCS2; a plain code then ends with +CUSD: 4 [GA, MM]
    ussd_refusal="cusd4",
    vendor={
        "+ECSQ": "+ECSQ: {rssi}, 99, {dbm}",  # shape
        "+ERAT?": "+ERAT: 0, 0, 0",
        "+ERAT=": "",
        "+EFUN=": "",  # unverified
    },
)

NEOWAY = Personality(
    name="neoway",
    manufacturer="NEOWAY",
    model="M590",
    revision="M590R1 V1.00",
    information=("NEOWAY", "M590", "REVISION 01.30b"),
    iccid_command="$MYCCID",
    iccid_prefix="$MYCCID: ",
    iccid_quoted=True,
    cnmi=cnmi("(0-2),(0-3),(0,2),(0-2),(0,1)", (0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 1), (0, 1)),
    cpms_offered='("SM"),("SM"),("SM")',
    empty_slot=321,
    boot=((0.0, "MODEM:STARTUP"), (8.0, "+PBREADY")),  # +PBREADY may take up to 60 s
    sms_ready_after_s=8.0,
    sim_settles_s=2.0,
    sim_insert="restart",  # M590E wants the SIM at power-on [CD, GA]
    restart=frozenset({"+CFUN=1,1", "+CFUN=15"}),
    power_off={"+CPWROFF": ""},
    pin_counter=("", ""),  # no command is known
    ussd="charset",
    vendor={"$MYSYSINFO": "$MYSYSINFO: 2,01", "+CBC": "+CBC: 0,95,{mv}"},
)

A9 = Personality(
    # A6, A9, A9G.
    name="a9",
    manufacturer="Ai-Thinker Co.LTD",  # unverified
    model="A9",
    revision="V02.02.20180830R",
    information=("Ai-Thinker Co.LTD", "A9", "V02.02.20180830R"),
    iccid_command="+CCID",
    iccid_prefix="+CCID: ",
    cnmi=cnmi("(0-2),(0-3),(0,2),(0-2),(0,1)", (0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 1), (0, 1)),
    cpms_offered='("SM","ME"),("SM","ME"),("SM","ME")',
    capacities={"ME": 50},
    empty_slot=321,
    boot=((0.0, "^CINIT: 1, 0, 0"), (1.0, "^CINIT: 2, 32, 41891"), (2.0, "^CINIT: 32, 0, 0"), (3.0, "+CREG: 1")),
    sms_ready_after_s=3.0,  # CMGF fails if sent too early [TG #242]
    sim_settles_s=1.0,
    chatter=('+CIEV: "MESSAGE",1', "+CIEV: service, 1"),
    restart=frozenset({"+CFUN=1,1", "+RST=1"}),  # +RST=1 unverified
    power_off={"+CPOF": ""},
    pin_counter=("", ""),  # no command is known
    ussd="charset",
)

GENERIC = Personality(
    # Nothing of its own: TS 27.005, TS 27.007, and +CRSM for the ICCID.
    name="generic",
    manufacturer="Generic",
    model="AT modem",
    revision="1.0",
    information=("Generic AT modem",),
    act=2,
    cnmi=cnmi("(0-2),(0-3),(0,2),(0-2),(0,1)", (0, 1, 2), (0, 1, 2, 3), (0, 2), (0, 1, 2), (0, 1)),
    cpms_offered='("SM","ME"),("SM","ME"),("SM","ME")',
    capacities={"ME": 100},
    empty_slot=321,
)
